"""Captions whose letters were damaged on the way: UTF-8 read as cp1252, control letters, losses.

For captions in English: what is undone are accented letters, punctuation, signs and emoji.
"""

from __future__ import annotations

import re
import unicodedata

LOST = "\ufffd"  # what stands where a letter could not be read: nothing brings it back


def _letters(first: int, last: int) -> str:
    """The letters that these bytes become when they are read as cp1252 or as latin-1."""
    found = set()
    for byte in range(first, last + 1):
        found.add(chr(byte))
        found.add(bytes([byte]).decode("cp1252", errors="replace"))
    return "[" + re.escape("".join(sorted(found - {LOST}))) + "]"


# In UTF-8, C2 and C3 begin accented letters, E2 punctuation and signs, EF marks, F0 emoji; C5, C6
# and CB only count for what cp1252 itself has, damaged twice. Others are left alone: a last
# accented letter before quotation marks looks like them.
_NEXT = _letters(0x80, 0xBF)
_TWICE = "|".join(letter.encode().decode("latin-1")[0] + _letters(last, last)
                  for letter in "ŒœŠšŸŽžƒˆ\u02dc" for last in letter.encode()[1:])  # fmt: skip
_READ_WRONGLY = re.compile(
    f"{_letters(0xC2, 0xC3)}{_NEXT}|{_TWICE}|[\xe2\xef]{_NEXT}{{2}}|\xf0{_NEXT}{{3}}"
)


def garbled(text: str) -> bool:
    """Whether a caption has UTF-8 read as cp1252, a lost letter, or a control letter."""
    if text.isascii() and text.isprintable():
        return False
    return LOST in text or repaired(text) != text


def repaired(text: str) -> str:
    """The caption with what reverses cleanly undone, and without control letters."""
    for _ in range(3):  # some were damaged more than once
        better = _READ_WRONGLY.sub(_undone, text)
        if better == text:
            break
        text = better
    return "".join(letter for letter in text if letter.isspace() or not _control(letter))


def _undone(found: re.Match[str]) -> str:
    try:
        return b"".join(map(_byte, found.group())).decode("utf-8")
    except UnicodeDecodeError:
        return found.group()


def _byte(letter: str) -> bytes:
    # cp1252 leaves five bytes without a letter; readers give them the controls of latin-1.
    return letter.encode("latin-1") if ord(letter) < 0x100 else letter.encode("cp1252")


def _control(letter: str) -> bool:
    return letter == "\ufeff" or unicodedata.category(letter) == "Cc"
