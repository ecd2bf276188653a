"""The rank-list page: whole, escaped, worst first, each picture once, never too large."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from passerby.ranking.scores import ScoreCounts
from passerby.reports import page
from passerby.reports.drawing import drawings
from passerby.reports.page import Asked, Shown, write_rank_page
from passerby.types import Report

EVIL = "</script><script>alert('&\"')</script><!-- <b onload=x>\x00\x1b\u202e\u2028"


def thumb(name: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (16, 32), (len(name) * 20 % 256, 90, 200)).save(out, "JPEG")
    return out.getvalue()


def asked(place: int, first: int, ap: float = 0.5, **changed: object) -> Asked:
    hits = tuple(
        Shown(f"photo {n}.jpg", f"p{n}", 0.9 - n / 20, right=n + 1 == first) for n in range(10)
    )
    query = Asked(f"c{place}", f"a man in coat {place}", "p7", hits, first, ap, int(first > 0))
    return replace(query, **changed)  # type: ignore[arg-type]


class Reader(HTMLParser):
    """The rows written as HTML, the script's data, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[str] = []
        self.data, self.open = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = tag if dict(attrs).get("id") != "data" else "data"
        self.tags.append((tag, dict(attrs)))
        if tag == "h2":
            self.titles.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "h2":
            self.titles[-1] += data
        elif self.open == "data":
            self.data += data


def read(path: Path) -> tuple[str, Reader, dict]:
    text = path.read_text(encoding="utf-8")
    reader = Reader(text)
    return text, reader, json.loads(reader.data)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def test_a_page_holds_each_picture_once_and_asks_the_network_for_nothing(out: Path) -> None:
    called: list[str] = []
    write_rank_page(
        out, [asked(n, 2) for n in range(70)], lambda name: called.append(name) or thumb(name), "t"
    )
    text, reader, _ = read(out)
    assert called == [f"photo {n}.jpg" for n in range(10)]
    assert text.count("data:image/jpeg;base64,") == 10
    assert not re.search(r"(src|href)\s*=|https?://|url\((?!data:)", text.split('id="data"')[0])
    assert not {"src", "href"} & {name for _, attrs in reader.tags for name in attrs}
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]  # type: ignore[index]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for t, a in reader.tags if "http-equiv" in a)
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'")


def test_hostile_captions_ids_and_titles_are_text(out: Path) -> None:
    evil = (Shown(EVIL, EVIL, 0.5, True), Shown("caf\udce9\n.jpg", None, float("inf"), False))
    query = asked(0, 1, id=EVIL, text=EVIL, person=EVIL, hits=evil)
    write_rank_page(out, [query, asked(1, 2)], thumb, EVIL, [EVIL], Report({EVIL: 5.0}))
    text, reader, data = read(out)
    assert sum(tag == "script" for tag, _ in reader.tags) == 2
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    assert "b" in {tag for tag, _ in reader.tags}  # the ranks, none of them with an attribute
    assert not any(attrs for tag, attrs in reader.tags if tag == "b")
    assert not re.search(r"[\x00\x1b\u202e\u2028]", text)
    evils = next(q for q in data["queries"] if q["hits"][0][2])
    assert evils["text"].startswith("</script><script>alert('&\"')</script><!-- <b onload=x>\\x00")
    assert ["caf\\xe9 .jpg", ""] in data["photos"]


def test_failures_come_first_the_worst_of_them_at_the_top(out: Path) -> None:
    fates = [(1, 0.9), (7, 0.2), (0, 0.0), (30, 0.1), (2, 0.5), (30, 0.05), (1, 0.4)]
    write_rank_page(out, [asked(n, *fate) for n, fate in enumerate(fates)], thumb, "t")
    text, reader, data = read(out)
    assert [q["id"] for q in data["queries"]] == ["c5", "c3", "c1", "c4", "c6", "c0", "c2"]
    assert [q["failed"] for q in data["queries"]] == [True] * 4 + [False] * 3
    assert reader.titles[:2] == ["a man in coat 5", "a man in coat 3"]
    assert "The first photo of 4 queries is wrong." in text
    assert "1 queries have no right photo" in text
    assert [q["margin"] is None for q in data["queries"]] == [False] * 6 + [True]


def test_the_first_fifty_queries_need_no_script(out: Path) -> None:
    write_rank_page(out, [asked(n, 80 - n) for n in range(60)], thumb, "t")
    text, reader, data = read(out)
    assert reader.titles == [f"a man in coat {n}" for n in range(50)] + [""]  # and the template
    assert len(data["queries"]) == 60
    assert "<noscript>The 10 queries after these need JavaScript.</noscript>" in text


def test_right_photos_are_framed_and_the_rank_ap_and_margin_are_told(out: Path) -> None:
    write_rank_page(out, [asked(0, 3, 0.3333), asked(1, 40)], thumb, "t")
    _, reader, data = read(out)
    rights = [attrs["title"] for tag, attrs in reader.tags if attrs.get("class") == "right"]
    assert rights == ["photo 2.jpg"]
    told = {q["id"]: q["told"] for q in data["queries"]}
    assert told["c0"].startswith("first right photo at rank 3 · AP 33.3 % · 1 right in the gallery")
    margins = {q["id"]: q["margin"] for q in data["queries"]}
    assert margins["c0"] == pytest.approx(0.8 - 0.9)
    assert margins["c1"] == pytest.approx(0.45 - 0.9)  # none is shown: the last score stands in


@pytest.mark.parametrize("picture", [None, b"", b"GIF89a", b"<svg onload=x>"])
def test_a_photo_without_a_picture_keeps_its_frame(out: Path, picture: bytes | None) -> None:
    write_rank_page(out, [asked(0, 2)], lambda _: picture, "t")
    text, reader, _ = read(out)
    assert "data:image" not in text
    assert sum(tag == "i" for tag, _ in reader.tags) == 11  # ten photos and the template


def test_a_page_too_large_keeps_the_worst_and_says_how_many(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(place: int) -> Asked:
        hits = tuple(Shown(f"{place}-{n}", "p", 0.5, False) for n in range(10))
        return asked(place, place + 2, hits=hits)

    queries = [own(n) for n in range(30)]
    monkeypatch.setattr(page, "ROOM", 5 * 10 * len(base64.b64encode(thumb("29-0"))))
    write_rank_page(out, queries, thumb, "t")
    text, _, data = read(out)
    assert [q["id"] for q in data["queries"]] == [f"c{n}" for n in range(29, 24, -1)]
    assert "The worst 5 are shown" in text
    monkeypatch.setattr(page, "MOST", 3)
    write_rank_page(out, queries, thumb, "t")
    assert len(read(out)[2]["queries"]) == 3


def test_what_the_notes_of_a_report_say_is_not_said_twice(out: Path) -> None:
    queries, said = [asked(0, 0), asked(1, 1)], "1 queries have no right photo"
    write_rank_page(out, queries, thumb, "t")
    assert said in out.read_text(encoding="utf-8")
    write_rank_page(out, queries, thumb, "t", [f"{said} and do not count"], Report({"mAP": 1.0}))
    assert out.read_text(encoding="utf-8").count(said) == 1


def test_scores_far_from_0_are_told_apart_on_the_axis() -> None:
    edges = [1e6 + n / 60 for n in range(61)]
    drawn = drawings({"histogram": {"edges": edges, "right": [1] * 60, "wrong": [1] * 60}})
    assert all(f">1000000{part}<" in drawn for part in ("", ".25", ".5", ".75"))


def test_numbers_and_curves_of_a_report_are_drawn(out: Path) -> None:
    import torch

    counts = ScoreCounts()
    counts.add(torch.tensor([0.1, 0.2, 0.3, 0.9]), torch.tensor([False, False, True, True]))
    report = Report(
        {"rank-1": 55.5, "mAP": 40.0}, intervals={"rank-1": (53.1, 57.9)}, curves=counts.curves()
    )
    write_rank_page(out, [asked(0, 2)], thumb, "t", report=report)
    text, reader, _ = read(out)
    assert "<dt>rank-1</dt><dd>55.50 <small>[53.1, 57.9]</small></dd>" in text
    assert "<dt>mAP</dt><dd>40.00</dd>" in text
    assert sum(tag == "svg" for tag, _ in reader.tags) == 2
    assert "nan" not in text.split('id="queries"')[0].lower()
    write_rank_page(out, [asked(0, 2)], thumb, "t", report=Report({"mAP": 1.0}, curves={}))
    assert "<svg" not in out.read_text(encoding="utf-8")


def test_a_page_of_no_query_is_still_a_page(out: Path) -> None:
    write_rank_page(out, [], thumb, "t")
    assert read(out)[2] == {"photos": [], "queries": []}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_script_runs_under_the_policy_and_makes_rows_as_they_are_written(out: Path) -> None:
    write_rank_page(out, [asked(n, n % 3, text=f"{EVIL} {n}") for n in range(80)], thumb, "t")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    seen = subprocess.run([*command, out.as_uri()], capture_output=True, timeout=60, check=True)
    made, written = Reader(seen.stdout.decode("utf-8")), read(out)[1]
    assert ("form", {"id": "form"}) in made.tags  # no longer hidden
    assert ">80 of 80</output>" in seen.stdout.decode("utf-8")
    assert made.titles[:30] == written.titles[:30]
    rows = [
        [tag for tag in reader.tags if tag[0] in ("section", "li", "i")]
        for reader in (made, written)
    ]
    plain = [[(tag, {n: v for n, v in attrs.items() if v}) for tag, attrs in each] for each in rows]
    assert plain[0][: 30 * 21] == plain[1][: 30 * 21]
