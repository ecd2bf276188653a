"""The page and the contact sheet."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from passerby.gallery.page import write_page
from passerby.gallery.search import Answer, Hit
from passerby.gallery.sheet import write_sheet

EVIL = "<script>alert('&\"')</script>"


def hit(rank: int, name: str, **facts: object) -> Hit:
    out = BytesIO()
    Image.new("RGB", (64, 128), (40 * rank, 90, 200)).save(out, "JPEG")
    return Hit(rank, Path("/p") / name, 0.9 - rank / 10, thumbnail=out.getvalue(), **facts)  # type: ignore[arg-type]


@pytest.fixture
def answers() -> list[Answer]:
    time = datetime(2026, 5, 1, 12, tzinfo=UTC)
    odd = hit(2, "caf\udce9\n.jpg", camera=EVIL, time=time, person=EVIL)
    first = Answer(EVIL, (hit(1, "a.jpg", person="p1"), odd), (EVIL,))
    return [
        first,
        Answer("a man in a " + "very " * 300 + "x" * 400, (hit(1, "b.jpg"),)),
        Answer("none", ()),
    ]


def test_a_page_holds_its_photos_and_asks_the_network_for_nothing(
    tmp_path: Path, answers: list[Answer]
) -> None:
    write_page(tmp_path / "page.html", answers)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 3
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "url(" not in text


def test_a_page_escapes_all_that_it_is_told(tmp_path: Path, answers: list[Answer]) -> None:
    write_page(tmp_path / "page.html", answers, title=EVIL)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name.startswith("on") for name, _ in attrs)

    Reader().feed(text)
    assert "script" not in tags
    assert "caf\\xe9\\n.jpg" in text


def test_phrases_that_were_looked_for_are_underlined_and_escaped(tmp_path: Path) -> None:
    query = "a <b> red coat & a hat"
    write_page(tmp_path / "a.html", [Answer(query, (), spans=((6, 14), (19, 22)))])
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "a &lt;b&gt; <mark>red coat</mark> &amp; a <mark>hat</mark></h2>" in page


def test_right_persons_or_paths_are_framed(tmp_path: Path, answers: list[Answer]) -> None:
    write_page(tmp_path / "page.html", answers, right=[{"p1"}, {"/p/b.jpg"}, set()])
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count('"hit right"') == 2


def test_a_sheet_has_a_line_a_query_and_frames_the_right_ones(
    tmp_path: Path, answers: list[Answer]
) -> None:
    write_sheet(tmp_path / "plain.png", answers)
    write_sheet(tmp_path / "right.png", answers, right=[{"p1"}, (), ()])
    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "right.png") as right:
        assert plain.format == "PNG"
        assert plain.size == right.size
        green = (22, 163, 74)
        found = [{color for _, color in image.getcolors(1 << 20)} for image in (plain, right)]  # type: ignore[union-attr]
        assert [green in colours for colours in found] == [False, True]
    many = Answer("many", tuple(hit(1 + n % 5, f"{n}.jpg") for n in range(23)))
    write_sheet(tmp_path / "many.png", [many])
    with Image.open(tmp_path / "many.png") as sheet:
        assert sheet.height > 3 * 208
