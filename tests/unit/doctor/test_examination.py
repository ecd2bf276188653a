"""The data doctor: each kind of trouble is found, told with its remedy, and grave or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerby.data.records import Record
from passerby.data.sources import read_data
from passerby.doctor import published
from passerby.doctor.examination import examine
from passerby.doctor.findings import Findings
from passerby.doctor.sharing import sharing
from passerby.errors import BadData

Row = dict[str, Any]
shades = iter(range(1, 1 << 24))


def row(person: Any, split: str = "train", path: str | None = None, **fields: Any) -> Row:
    return {"id": person, "file_path": path or f"{person}.jpg", "captions": ["A man in red."],
            "split": split, **fields}  # fmt: skip


def paint(file: Path, shade: int | None = None) -> Path:
    """A crop as small as the benchmarks have them, of a shade of its own; without loss."""
    value = next(shades) if shade is None else shade
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (13, 34), (value >> 16, (value >> 8) & 255, value & 255))
    image.save(file, "BMP")  # by its bytes, whatever its name says
    return file


def write(root: Path, rows: list[Any], name: str = "reid_raw.json") -> str:
    for entry in rows:
        path = isinstance(entry, dict) and (entry.get("file_path") or entry.get("img_path"))
        if isinstance(path, str) and not (root / "imgs" / path).exists():
            paint(root / "imgs" / path)
    (root / name).write_text(json.dumps(rows), encoding="utf-8")
    return f"cuhk-pedes:{root}"


def kinds(found: Findings) -> set[str]:
    return {finding.kind for finding in found.findings}


def line(found: Findings, kind: str) -> str:
    (finding,) = [finding for finding in found.findings if finding.kind == kind]
    assert finding.line.isprintable()
    assert finding.remedy.isprintable()
    return finding.line


SOUND = [row(1), row(2, "val"), row(3, "test")]


def test_a_sound_data_set_has_no_finding(tmp_path: Path) -> None:
    found = examine(write(tmp_path, SOUND).replace("cuhk-pedes", "drawn"))
    assert not found.findings
    assert not found.grave
    assert [vars(count) for count in found.counts.values()] == [
        {"persons": 1, "photos": 1, "captions": 1, "published": ""}
    ] * 3


def test_progress_counts_every_photo_once(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    spec = write(tmp_path, [row(n) for n in range(300)] + [row(0)])
    examine(spec, lambda done, total: told.append((done, total)))
    assert told[-1] == (300, 300)


def test_missing_and_unreadable_photos_are_grave_and_named(tmp_path: Path) -> None:
    spec = write(tmp_path, [*SOUND, row(4), row(5)])
    (tmp_path / "imgs/1.jpg").unlink()
    (tmp_path / "imgs/2.jpg").write_bytes(b"")
    (tmp_path / "imgs/3.jpg").write_bytes(b"no picture")
    (tmp_path / "imgs/4.jpg").write_bytes((tmp_path / "imgs/4.jpg").read_bytes()[:200])
    found = examine(spec)
    assert kinds(found) == {"missing", "unreadable"}
    assert found.grave
    assert line(found, "missing") == "1 of 5 photos are missing: 1.jpg"
    assert "3 photos cannot be read: 2.jpg (an empty file)" in line(found, "unreadable")
    assert set(found.pictures) == {"5.jpg"}


def test_duplicates_are_found_by_pixels_not_by_bytes(tmp_path: Path) -> None:
    rows = [row(n, split, f"{n}.png") for n, split in enumerate(["train"] * 5 + ["test"] * 2)]
    rows.append(row(0, "train", "again/0.png"))
    spec = write(tmp_path, rows)
    imgs = tmp_path / "imgs"
    for copy, original in (("again/0", "0"), ("2", "1"), ("5", "3")):
        Image.open(imgs / f"{original}.png").save(imgs / f"{copy}.png", "PNG")
        assert (imgs / f"{original}.png").read_bytes() != (imgs / f"{copy}.png").read_bytes()
    found = examine(spec)
    assert kinds(found) == {
        "same-picture", "same-picture-of-two-persons", "same-picture-in-two-splits"
    }  # fmt: skip
    assert "again/0.png (train, 0)" in line(found, "same-picture")
    assert "1.png (train, 1) = 2.png (train, 2)" in line(found, "same-picture-of-two-persons")
    assert "3.png (train, 3) = 5.png (test, 5)" in line(found, "same-picture-in-two-splits")
    graves = {finding.kind for finding in found.findings if finding.grave}
    assert graves == {"same-picture-in-two-splits"}


def test_one_picture_many_times_is_one_short_line(tmp_path: Path) -> None:
    spec = write(tmp_path, [row(n) for n in range(40)] + [row(40, "test")])
    for n in range(41):
        paint(tmp_path / f"imgs/{n}.jpg", shade=7)
    told = line(examine(spec), "same-picture-in-two-splits")
    assert "0.jpg (train, 0)" in told
    assert "40.jpg (test, 40)" in told
    assert told.endswith("and 38 more")


def test_a_crop_of_other_size_is_no_duplicate(tmp_path: Path) -> None:
    """13 x 34 and 34 x 13 of one colour have the same bytes of pixels."""
    spec = write(tmp_path, SOUND)
    Image.new("RGB", (13, 34), "red").save(tmp_path / "imgs/1.jpg", "BMP")
    Image.new("RGB", (34, 13), "red").save(tmp_path / "imgs/3.jpg", "BMP")
    assert not examine(spec).findings


def test_a_person_in_two_splits_is_grave(tmp_path: Path) -> None:
    found = examine(write(tmp_path, [*SOUND, row(1, "test", "b.jpg")]))
    assert kinds(found) == {"person-in-two-splits"}
    assert "1 persons are in two splits: 1 (train: 1.jpg, test: b.jpg)" in line(
        found, "person-in-two-splits"
    )
    assert found.grave


def test_photos_listed_again_are_told_by_what_contradicts(tmp_path: Path) -> None:
    rows = [*SOUND, row(4), row(1, captions=["Again."]), row(5, path="./4.jpg")]
    found = examine(write(tmp_path, rows))
    assert kinds(found) == {"listed-twice", "photo-of-two-persons"}
    assert "1.jpg (records 1, 5)" in line(found, "listed-twice")
    assert "4.jpg (records 4, 6)" in line(found, "photo-of-two-persons")
    assert not found.grave
    found = examine(write(tmp_path / "b", [*SOUND, row(9, "test", "1.jpg")]))
    assert kinds(found) == {"photo-in-two-splits"}
    assert found.grave


def test_all_wrong_records_are_told_not_the_first_only(tmp_path: Path) -> None:
    wrong: list[Any] = ["x", {"id": 9}, row(None), row(8, "testing"), row(7, path="../../7.jpg"),
                        row(6, captions="A man."), {**row(4), "file_path": 3}]  # fmt: skip
    spec = write(tmp_path, SOUND)
    (tmp_path / "reid_raw.json").write_text(json.dumps([*SOUND, *wrong]), encoding="utf-8")
    found = examine(spec)
    assert kinds(found) == {"wrong-records"}
    told = next(iter(found.findings))
    assert told.count == 7
    assert told.examples[:2] == (
        "record 4 is no object", "record 5 has no field 'file_path' (or 'img_path')"
    )  # fmt: skip
    assert "record 4 is no object" in told.line
    assert "and 4 more" in told.line
    assert not found.grave


def test_captions_empty_long_and_garbled_are_counted(tmp_path: Path) -> None:
    rows = [row(1, captions=["ok", " \n", 7]), row(2, captions=[]), row(3, captions=["w " * 60]),
            row(4, captions=["w " * 61, "a cafÃ© waiter", "lost \ufffd"]),
            row(5, captions=["  A  man\nin red.He walks. "])]  # fmt: skip
    found = examine(write(tmp_path, rows))
    assert kinds(found) == {"empty-captions", "long-captions", "garbled-captions"}
    assert "record 1 (1.jpg); record 2 (2.jpg)" in line(found, "empty-captions")
    assert line(found, "long-captions") == "1 captions have more than 60 words: 4.jpg"
    assert "2 captions have damaged letters, 1 of which can be undone" in line(
        found, "garbled-captions"
    )
    assert found.counts["train"].captions == 6
    assert not found.grave


def test_files_that_no_record_names_are_told_and_not_grave(tmp_path: Path) -> None:
    spec = write(tmp_path, SOUND)
    paint(tmp_path / "imgs/cam_a/extra.bmp")
    (tmp_path / "imgs/notes.txt").write_text("no photo")
    found = examine(spec)
    assert line(found, "unnamed") == "1 files in imgs/ are in no record: cam_a/extra.bmp"
    assert not found.grave


def test_files_of_wrong_records_are_in_a_record(tmp_path: Path) -> None:
    rows = [*SOUND, row(4, "testing"), {"id": 5, "img_path": "./a/5.png"}, row(6, path="../6.jpg")]
    for path in ("4.jpg", "a/5.png", "6.jpg"):
        paint(tmp_path / "imgs" / path)
    found = examine(write(tmp_path, rows))
    assert kinds(found) == {"wrong-records", "unnamed"}
    assert line(found, "unnamed") == "1 files in imgs/ are in no record: 6.jpg"


def test_without_imgs_all_photos_are_missing(tmp_path: Path) -> None:
    (tmp_path / "reid_raw.json").write_text(json.dumps(SOUND))
    assert line(examine(f"cuhk-pedes:{tmp_path}"), "missing").startswith("3 of 3 photos")


def test_the_older_release_is_named_and_grave(tmp_path: Path) -> None:
    older = [{key: value for key, value in entry.items() if key != "split"} for entry in SOUND]
    spec = write(tmp_path, older, "caption_all.json")
    for root in (spec, f"{spec}/caption_all.json"):
        found = examine(root)
        assert found.release.startswith("by its shape")
        assert "older release (caption_all.json)" in found.release
        assert kinds(found) == {"older-release"}
        assert found.grave
        assert set(found.counts) >= {"no split"}


@pytest.mark.parametrize(
    ("name", "file"),
    [("icfg-pedes", "ICFG-PEDES.json"), ("rstpreid", "data_captions.json"),
     ("drawn", "reid_raw.json")],
)  # fmt: skip
def test_a_file_that_tells_no_splits_is_the_older_release_of_cuhk_pedes_alone(
    tmp_path: Path, name: str, file: str
) -> None:
    field = "img_path" if name == "rstpreid" else "file_path"
    write(tmp_path, [{"id": 1, field: "1.jpg", "captions": ["A man."]}], file)
    found = examine(f"{name}:{tmp_path}")
    assert line(found, "no-splits") == "no record tells its split"
    assert kinds(found) == {"no-splits"}
    assert found.refused
    assert not found.grave
    assert found.release == published.RELEASES[name]
    assert set(found.pictures) == {"1.jpg"}, "all else is judged"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("cuhk-pedes", SOUND),
        ("cuhk-pedes", [*SOUND, row(1)]),
        ("icfg-pedes", [*SOUND, row(1)]),
        ("icfg-pedes", [*SOUND, row(4, path="1.jpg")]),
        ("cuhk-pedes", [*SOUND, row(4, "test", "1.jpg")]),
        ("cuhk-pedes", [*SOUND, row(1, "test", "b.jpg")]),
        ("cuhk-pedes", [*SOUND, row(4, "testing")]),
        ("cuhk-pedes", [*SOUND, row(4, captions=["A man.", " "])]),
        ("cuhk-pedes", [*SOUND, row(4, captions=[])]),
        ("cuhk-pedes", [*SOUND, row(4, captions=["w " * 61, "a cafÃ© waiter"])]),
        ("synth-pedes", [{key: row(1)[key] for key in ("id", "file_path", "captions")}]),
        ("icfg-pedes", [{key: row(1)[key] for key in ("id", "file_path", "captions")}]),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_refused_is_what_the_strict_reader_refuses(
    tmp_path: Path, name: str, rows: list[Row], gone: bool
) -> None:
    spec = write(tmp_path, rows, "any.json").replace("cuhk-pedes", name) + "/any.json"
    if gone:
        (tmp_path / "imgs/1.jpg").unlink()
    try:
        read_data(spec, "train")
        taken = True
    except BadData:
        taken = False
    assert examine(spec).refused is not taken


@pytest.fixture
def small_cuhk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if CUHK-PEDES had three training persons, one photo and one caption each."""
    sizes = {"train": published._sizes(3, 3, 3), "test": published._sizes(1, (2, 1), 1)}
    monkeypatch.setitem(published.PUBLISHED, "cuhk-pedes", sizes)


@pytest.mark.usefixtures("small_cuhk")
@pytest.mark.parametrize(
    ("persons", "other"),
    [((1, 2, 3), False), ((3, 1, 2), False), ((0, 1, 2), True), ((1, 2, 4), True),
     (("a", "b", "c"), True), ((1, 2), False), ((5, 9), False), ((1, 2, 3, 9), False)],
)  # fmt: skip
def test_other_ids_for_the_published_number_of_persons_are_another_release(
    tmp_path: Path, persons: tuple[Any, ...], other: bool
) -> None:
    """A part of the benchmark, of fewer persons, is none."""
    found = examine(write(tmp_path, [*(row(n) for n in persons), row(77, "test")]))
    assert ("other-ids" in kinds(found)) is other
    assert found.grave is other


@pytest.mark.parametrize(
    ("persons", "strange"),
    [(range(1, 201), 0), (range(2, 201), 0), (range(201), 1), (range(2, 202), 1),
     (range(3, 202), 1), (range(1, 203), 2), (range(5, 202), 0), (range(1, 204), 0),
     ([f"{n:04}" for n in range(1, 201)], 0), ([f"{n:04}" for n in range(199)], 1)],
)  # fmt: skip
def test_ids_of_nearly_the_published_number_of_persons_are_judged_as_numbers(
    monkeypatch: pytest.MonkeyPatch, persons: Sequence[Any], strange: int
) -> None:
    """Up to a hundredth, two of 200, may be dropped or added."""
    sizes = {"train": published._sizes(200, 200, 200)}
    monkeypatch.setitem(published.PUBLISHED, "cuhk-pedes", sizes)
    records = [Record(f"{n}.jpg", Path(), str(n), ("x",), "train") for n in persons]
    found = published.other_ids("cuhk-pedes", records)
    assert (found.count if found else 0) == strange
    if found:
        assert f"{strange} of {len(persons)} training persons" in found.text


@pytest.mark.usefixtures("small_cuhk")
def test_counts_stand_beside_the_published_ones(tmp_path: Path) -> None:
    rows = [row(n) for n in (1, 2, 3)]
    found = examine(write(tmp_path, [*rows, row(4, "test")]))
    assert found.counts["train"].published == "as published"
    assert found.counts["test"].published == "as published", "either of two published numbers"
    rows[0]["captions"] = ["One.", "Two."]
    found = examine(write(tmp_path, [*rows, row(1, path="b.jpg")]))
    assert found.counts["train"].published == "differs: 3 photos, 3 captions published"
    assert found.counts["test"].photos == 0
    assert not found.grave


def test_every_benchmark_has_sizes_and_all_data_sets_a_name() -> None:
    from passerby.data.layouts import LAYOUTS

    assert set(LAYOUTS) - set(published.PUBLISHED) == {"drawn"}
    assert set(LAYOUTS) <= set(published.RELEASES)
    cuhk = published.PUBLISHED["cuhk-pedes"].values()
    assert sum(size.photos[0] for size in cuhk) == 40_206
    assert sum(size.persons[0] for size in cuhk) == 13_003


def test_a_csv_is_examined_and_shards_are_refused_in_a_line(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        paint(tmp_path / name, shade=5)
    table = tmp_path / "pairs.csv"
    table.write_text("path,person,caption,split\na.png,x,He,train\nb.png,y,She,test\n")
    found = examine(f"files:{table}")
    assert kinds(found) == {"same-picture-in-two-splits"}
    (tmp_path / "b.png").unlink()
    assert kinds(examine(f"files:{table}")) == {"missing"}
    with pytest.raises(BadData, match="tars"):
        examine(f"tars:{tmp_path}")


def test_what_is_no_list_of_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reid_raw.json").write_text("{}")
    with pytest.raises(BadData, match="no list"):
        examine(f"cuhk-pedes:{tmp_path}")


def test_pictures_that_two_data_sets_share_are_counted_by_splits(tmp_path: Path) -> None:
    mine, yours = tmp_path / "a", tmp_path / "b"
    write(mine, [row(n, "train" if n < 3 else "test") for n in range(5)], "ICFG-PEDES.json")
    rows = [{**row(n, "test" if n < 12 else "train"), "img_path": f"{n}.png"} for n in (10, 11, 12)]
    for entry in rows:
        del entry["file_path"]
    for number, other in ((10, 0), (11, 4)):
        (yours / "imgs").mkdir(parents=True, exist_ok=True)
        Image.open(mine / f"imgs/{other}.jpg").save(yours / f"imgs/{number}.png")
    write(yours, rows, "data_captions.json")
    both = sharing(examine(f"icfg-pedes:{mine}"), examine(f"rstpreid:{yours}"))
    assert both.count == 2
    assert "1 of train in test" in both.text
    assert "1 of test in test" in both.text
    assert both.examples[:1] == ("0.jpg = 10.png",)
    none = sharing(examine(f"icfg-pedes:{mine}"), examine(write(tmp_path / "c", SOUND)))
    assert none.count == 0


def test_the_doctor_and_the_strict_reader_agree_on_a_sound_file(tmp_path: Path) -> None:
    spec = write(tmp_path, SOUND)
    found = examine(spec)
    whole = read_data(spec, "all")
    assert [entry.record.path for entry in found.entries] == [photo.id for photo in whole.photos]
    assert sum(count.captions for count in found.counts.values()) == len(whole.captions)
