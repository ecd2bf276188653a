"""Damaged letters: what is found, what is undone, and what is let alone."""

# ruff: noqa: RUF001 - the letters that look like others are what is tested
from __future__ import annotations

import pytest

from passerby.doctor.garble import garbled, repaired

LACKING = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


@pytest.mark.parametrize(
    "text",
    ["a café waiter", "the man’s coat", "“red” – blue…", "naïve à la carte", "5 € bag", "20 °C",
     "smile 🙂 shirt", "à côté"],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 2])
def test_text_read_as_cp1252_comes_back_whole(text: str, times: int) -> None:
    damaged = text
    for _ in range(times):
        # As readers do it: the five bytes that cp1252 lacks become the controls of latin-1.
        damaged = "".join(
            chr(byte) if byte in LACKING else bytes([byte]).decode("cp1252")
            for byte in damaged.encode()
        )
    assert damaged != text
    assert garbled(damaged)
    assert repaired(damaged) == text


def test_text_read_as_latin_1_comes_back_whole() -> None:
    damaged = "the man’s “red” café…".encode().decode("latin-1")
    assert repaired(damaged) == "the man’s “red” café…"


@pytest.mark.parametrize(
    "text",
    ["A man in red.He walks.\n", "  two  blanks ", "café", "the “cafés” – naïve…", "Straße „Spaß“",
     "a “café”", "São Paulo, NÃO", "人在走路", "мужчина", "tab\tand\r\nlines", "🙂", "Â", "Ã ã"],
)  # fmt: skip
def test_sound_text_of_any_language_is_let_alone(text: str) -> None:
    assert not garbled(text)
    assert repaired(text) == text


def test_control_letters_go_and_lost_letters_stay() -> None:
    assert garbled("a\x00 man\x08")
    assert repaired("\ufeffa\x00 man\x08\n") == "a man\n"
    assert garbled("lost \ufffd letter")
    assert repaired("lost \ufffd Ã©") == "lost \ufffd é"
    assert garbled(repaired("lost \ufffd"))
