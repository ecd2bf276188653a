"""Each benchmark's quirks, on small files of its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerby.data.layouts import ACSA, LAYOUTS
from passerby.data.records import Record, carve_val
from passerby.data.sources import read_data, read_splits
from passerby.errors import BadData
from passerby.language.sentences import sub_sentences

Row = dict[str, Any]


def row(person: Any, split: str | None = "test", path: str | None = None, **fields: Any) -> Row:
    told: Row = {"id": person, "file_path": path or f"{person}.jpg", "captions": ["A man in red."]}
    return {**told, **({} if split is None else {"split": split}), **fields}


def write(root: Path, rows: list[Row], name: str, imgs: str = "imgs") -> Path:
    for entry in rows:
        file = root / imgs / (entry.get("file_path") or entry["img_path"])
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (13, 34)).save(file)
    (root / name).write_text(json.dumps(rows), encoding="utf-8")
    return root


def refusal(spec: str, *splits: str) -> str:
    with pytest.raises(BadData) as caught:
        read_splits(spec, *splits)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_the_carve_out_of_icfg_pedes_never_changes() -> None:
    """Worked out apart from this code, by `printf icfg-pedes:ID | sha256sum | sort` for the 3,102
    ids of the benchmark: these numbers are published, results hang on them."""
    people = [Record(f"{n}.jpg", Path(), str(n), ("x",), "train") for n in range(3102)]
    carved = [r.person for r in carve_val("icfg-pedes", people) if r.split == "val"]
    assert len(carved) == 310
    assert carved[:8] == ["1", "6", "12", "21", "23", "39", "45", "49"]
    assert sum(map(int, carved)) == 449_085


def test_acsa_reads_one_test_photo_from_another_file_and_changes_nothing_else(
    tmp_path: Path,
) -> None:
    ((told, read),) = ACSA.items()
    assert (told, read) == ("test_query/p7446_s9899.jpg", "test_query/p7447_s9899.jpg")
    rows = [row(1, path=told), row(2, path=read), row(3, path="cam_a/p7446_s9899.jpg")]
    write(tmp_path, rows, "reid_raw.json")
    plain = read_data(f"cuhk-pedes:{tmp_path}", "test")
    alias = read_data(f"cuhk-pedes-acsa:{tmp_path}", "test")
    assert plain.captions == alias.captions
    assert [photo.id for photo in plain.photos] == [photo.id for photo in alias.photos]
    moved = [(a.id, b.path) for a, b in zip(plain.photos, alias.photos, strict=True) if a != b]
    assert moved == [(told, tmp_path / "imgs" / read)]
    (tmp_path / "imgs" / told).unlink()
    assert len(read_data(f"cuhk-pedes-acsa:{tmp_path}", "test").photos) == 3
    assert "1 of 3 photos are missing" in refusal(f"cuhk-pedes:{tmp_path}", "test")


def test_ufine3c_is_for_evaluation_and_training_on_it_is_refused(tmp_path: Path) -> None:
    rows = [row(1, None, source="Duke", captions=["One.", "Two.", "Three."]),
            row(2, None, source="LUP")]  # fmt: skip
    spec = f"ufine3c:{write(tmp_path, rows, 'UFine3C.json')}"
    assert [len(read_data(spec, split).captions) for split in ("test", "all")] == [4, 4]
    line = refusal(spec, "train", "val")
    assert "ask for test or all" in line
    assert "for evaluation only: name another data set as data.train" in line
    assert "as data.val" in refusal(spec, "val")


def test_a_split_that_ufine3c_tells_is_kept(tmp_path: Path) -> None:
    spec = f"ufine3c:{write(tmp_path, [row(1, 'val'), row(2, None)], 'UFine3C.json')}"
    assert read_data(spec, "val").persons == ("1",)
    assert read_data(spec, "test").persons == ("2",)


def test_attributes_and_prompts_of_synth_pedes_are_no_captions(tmp_path: Path) -> None:
    rows = [
        row(n, None, f"Part1/{n}/1.jpg", captions=["A.", "B.", "C."][: 2 + n % 2],
            attributes=["man,black hair"], prompt_caption=["A prompt."]) for n in range(10)
    ]  # fmt: skip
    write(tmp_path, rows, "synthpedes_dataset.json", imgs=".")
    train, val = read_splits(f"synth-pedes:{tmp_path}", "train", "val")
    assert len(val.persons) == 1
    assert len(train.persons) == 9
    assert {caption.text for caption in (*train.captions, *val.captions)} == {"A.", "B.", "C."}


def test_the_carve_out_of_synth_pedes_has_at_most_a_thousand_persons() -> None:
    assert LAYOUTS["synth-pedes"].most_val == 1000
    people = [Record(f"{n}.jpg", Path(), str(n), ("x",), "train") for n in range(20_000)]
    carved = carve_val("synth-pedes", people, most=LAYOUTS["synth-pedes"].most_val)
    assert sum(record.split == "val" for record in carved) == 1000


@pytest.mark.parametrize("imgs", ["imgs", "."])
def test_ufine6926_is_found_with_and_without_imgs(tmp_path: Path, imgs: str) -> None:
    rows = [row(n, "train" if n < 11 else "test", f"images/{n}.jpg") for n in range(1, 13)]
    write(tmp_path / "UFine6926", rows, "ufine6926.json", imgs)
    train, val, test = read_splits(f"ufine6926:{tmp_path}", "train", "val", "test")
    assert [len(split.persons) for split in (train, val, test)] == [9, 1, 2]


def test_a_guessed_name_that_is_not_there_asks_for_the_json_itself(tmp_path: Path) -> None:
    root = write(tmp_path, [row(1)], "other.json")
    assert "or give the JSON itself" in refusal(f"ufine6926:{root}", "test")
    assert read_data(f"ufine6926:{root / 'other.json'}", "test").persons == ("1",)


@pytest.mark.parametrize("name", ["icfg-pedes", "ufine6926", "synth-pedes"])
def test_too_few_training_persons_for_a_validation_split_are_told(
    tmp_path: Path, name: str
) -> None:
    root = write(tmp_path, [row(n, "train") for n in range(9)], "any.json")
    assert len(read_data(f"{name}:{root / 'any.json'}", "train").persons) == 9
    line = refusal(f"{name}:{root / 'any.json'}", "train", "val")
    assert "a tenth of 9 training persons is none: name another data set as data.val" in line


def test_a_benchmark_without_val_says_how_to_validate(tmp_path: Path) -> None:
    root = write(tmp_path, [row(1, "train"), row(2)], "data_captions.json")
    line = refusal(f"rstpreid:{root}", "train", "val")
    assert "no split 'val' here; ask for train, test or all; name another data set" in line


def test_a_file_of_no_splits_is_the_older_release_only_for_cuhk_pedes(tmp_path: Path) -> None:
    rows = [row(1, None, processed_tokens=[["a"]])]
    assert "older release" in refusal(
        f"cuhk-pedes:{write(tmp_path / 'a', rows, 'reid_raw.json')}", "test"
    )
    line = refusal(f"icfg-pedes:{write(tmp_path / 'b', rows, 'ICFG-PEDES.json')}", "test")
    assert "no record tells its split; add 'split' to each" in line
    # The same names of files as CUHK-PEDES has; and the other name of the path.
    line = refusal(f"drawn:{write(tmp_path / 'c', rows, 'reid_raw.json')}", "test")
    assert "no record tells its split; add 'split' to each" in line
    rows = [{"id": 0, "img_path": "0.jpg", "captions": ["A man."]}]
    line = refusal(f"rstpreid:{write(tmp_path / 'd', rows, 'data_captions.json')}", "test")
    assert "no record tells its split; add 'split' to each" in line
    older = write(tmp_path / "e", [row(1, None)], "caption_all.json")
    assert "no reid_raw.json in" in refusal(f"drawn:{older}", "test")


def test_any_suffix_stray_blanks_and_many_captions_are_taken(tmp_path: Path) -> None:
    rows = [
        row(1, "train", "cam_a/000_45.bmp", captions=["  A  man\nin red. \n"]),
        row(2, "train", "CUHK01/0363004.png", captions=[f"Caption {n}." for n in range(10)]),
        row(1369, "train", "train_query/p8848_s17661.jpg"),
    ]
    split = read_data(f"cuhk-pedes:{write(tmp_path, rows, 'reid_raw.json')}", "train")
    assert [caption.text for caption in split.captions[:2]] == ["A man in red.", "Caption 0."]
    assert [caption.id for caption in split.captions][-2:] == [
        "CUHK01/0363004.png#9", "train_query/p8848_s17661.jpg#0"
    ]  # fmt: skip


def test_img_path_and_a_stop_without_a_blank_are_taken(tmp_path: Path) -> None:
    entry = {"id": 0, "img_path": "0000_c1_0022.jpg", "captions": ["A man.He walks.", "Shoes."],
             "split": "test"}  # fmt: skip
    split = read_data(f"rstpreid:{write(tmp_path, [entry], 'data_captions.json')}", "test")
    assert split.persons == ("0",)
    assert split.captions[0].text == "A man.He walks."
    assert sub_sentences(split.captions[0].text) == ["A man", "He walks"]


def test_an_id_with_half_of_a_letter_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, [row("\ud83d", "train", "a.jpg")], "ICFG-PEDES.json")
    assert "record 1 has an 'id' with half of a Unicode letter" in refusal(
        f"icfg-pedes:{root}", "train"
    )
