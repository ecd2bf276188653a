"""The page and the contact sheet."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from passerby.gallery.answer import Answer, Hit, Match
from passerby.gallery.page import write_page
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


def judged(best: float, threshold: float) -> Answer:
    """Two photos, the second one hopeless, and the note that goes with the first."""
    match = Match(best, threshold)
    hits = (hit(1, "a.jpg", probability=best), hit(2, "b.jpg", probability=0.001))
    notes = ("unknown words: zxqv",) if match.good else (match.note, "unknown words: zxqv")
    return Answer("a man", hits, notes, match=match)


def test_a_page_tells_matches_as_percent_and_fills_bars_by_them(tmp_path: Path) -> None:
    write_page(tmp_path / "a.html", [judged(0.876, 0.5)])
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    bars = re.findall(r'"score">([^<]+)<span class="bar"><i style="width:(\d+)%', page)
    assert bars == [("87 %", "88"), ("&lt;1 %", "0")]
    assert "<p>score 0.800</p>" in page
    assert "<footer>" in page
    assert '<p class="note none">' not in page
    write_page(tmp_path / "b.html", [judged(0.04, 0.5)])
    page = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert page.count('<p class="note none">no good match: ') == 1
    assert page.count('<p class="note">') == 1


def test_a_page_without_calibration_is_as_before(tmp_path: Path, answers: list[Answer]) -> None:
    write_page(tmp_path / "a.html", answers)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    bars = re.findall(r'"score">([^<]+)<span class="bar"><i style="width:(\d+)%', page)
    assert bars == [("0.800", "100"), ("0.700", "8"), ("0.800", "100")]
    assert "<footer>" not in page


def test_a_sheet_shows_matches_between_rank_and_score(tmp_path: Path) -> None:
    strong = judged(0.876, 0.5)
    plain = Answer("a man", tuple(hit(n, f"{n}.jpg") for n in (1, 2)), strong.notes)
    for name, answer in (("plain", plain), ("strong", strong), ("weak", judged(0.04, 0.5))):
        write_sheet(tmp_path / f"{name}.png", [answer])
    with (
        Image.open(tmp_path / "plain.png") as one,
        Image.open(tmp_path / "strong.png") as two,
        Image.open(tmp_path / "weak.png") as three,
    ):
        assert one.size == two.size == three.size
        box = ImageChops.difference(one, two).getbbox()
        assert box is not None
        assert box[0] > 308 + 18  # not the sentence, nor the rank of the first photo
        assert box[1] > 28 + 218  # below the photos
        assert box[2] < one.width - 28 - 38  # nor the score of the last
        assert ImageChops.difference(one, three).getbbox()[0] == 28  # its note
