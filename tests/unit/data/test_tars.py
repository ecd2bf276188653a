"""Pairs in tar shards: the photos of a folder bit for bit, and never silently fewer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from passerby.build import load_method
from passerby.cli.train import Console
from passerby.config import parse_recipe
from passerby.data import batches as batches_module
from passerby.data.augment import Augment
from passerby.data.batches import photo_batches, train_batches, without_broken
from passerby.data.cache import ResizedPhotos
from passerby.data.images import open_photo
from passerby.data.sources import read_data
from passerby.errors import BadData, BadPhoto
from passerby.method import PhotoSpec
from passerby.runs import train
from passerby.training.log import read_journal
from passerby.types import Batch, Photo, Split, Texts

SPEC = PhotoSpec(height=16, width=8)
STRONG = Augment(brightness=0.3, hue=10, crop=0.2, noise=8)
Member = tuple[str, bytes | str]


def photo(seed: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 12, 3), np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, kind)
    return made.getvalue()


def shard(file: Path, members: Sequence[Member]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as tar:
        for name, content in members:
            told = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(told)
            tar.addfile(member, io.BytesIO(told))
    return file


def pairs(*keys: int) -> list[Member]:
    told: list[Member] = []
    for key in keys:
        told += [(f"{key:04}.png", photo(key)), (f"{key:04}.txt", f"Person {key} walks.")]
    return told


def refusal(root: Path, split: str = "all") -> str:
    with pytest.raises(BadData) as caught:
        read_data(f"tars:{root}", split)
    line = str(caught.value)
    assert line.isprintable()
    assert "; " in line, "it names a remedy"
    return line


def read(texts: Sequence[str], rngs: Sequence[np.random.Generator]) -> Texts:
    rows = [torch.tensor([ord(letter) for letter in text]) for text in texts]
    drawn = torch.tensor([rng.random() for rng in rngs])
    return Texts(ids=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), drawn=drawn)


def epoch_of(split: Split, **settings: Any) -> list[Batch]:
    given = {"batch": 4, "seed": 3, "epoch": 1, "augment": STRONG, **settings}
    return list(train_batches(split, read, SPEC, **given))


def same(one: Sequence[Batch], other: Sequence[Batch]) -> bool:
    assert one
    return len(one) == len(other) and all(
        a.images.equal(b.images)
        and a.persons.equal(b.persons)
        and a.photos.equal(b.photos)
        and all(a.texts.tensors[n].equal(b.texts.tensors[n]) for n in a.texts.tensors)
        and a.skipped == b.skipped
        for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """21 pairs in three shards, one of them in a folder below, with kinds that mean nothing."""
    root = tmp_path / "web"
    shard(root / "b.tar", [*pairs(*range(8)), ("0000.cls", "7"), ("LICENSE", "free")])
    shard(root / "a.tar", pairs(*range(8, 15)))
    shard(root / "more" / "a.tar", pairs(*range(15, 21)))
    (root / "a.json").write_text("{}")
    return root


def test_the_photos_of_shards_are_those_of_a_folder_bit_for_bit(
    shards: Path, tmp_path: Path
) -> None:
    split = read_data(f"tars:{shards}", "all")
    photos = []
    for told in split.photos:
        file = tmp_path / "folder" / told.id
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo(int(file.stem)))
        photos.append(Photo(told.id, file, told.person))
    folder = Split(split.name, tuple(photos), split.captions)
    for one, other in zip(split.photos, folder.photos, strict=True):
        assert np.array_equal(np.asarray(open_photo(one)), np.asarray(open_photo(other)))
    wanted = epoch_of(folder)
    kept = ResizedPhotos(split.photos, SPEC, keep=True)
    for settings in ({}, {"workers": 2}, {"photos": kept}, {"photos": kept, "workers": 1}):
        assert same(epoch_of(split, **settings), wanted)
    assert same(epoch_of(split, start=2, workers=2), wanted[2:])
    evaluated = [i for _, i in photo_batches(split.photos, SPEC, batch=5, workers=2)]
    assert torch.cat(evaluated).equal(
        torch.cat([i for _, i in photo_batches(folder.photos, SPEC, batch=5)])
    )


def test_pairs_come_in_the_order_of_shards_and_members_each_a_person(shards: Path) -> None:
    split = read_data(f"tars:{shards}", "all")
    wanted = [f"a.tar/{n:04}.png" for n in range(8, 15)] + [f"b.tar/{n:04}.png" for n in range(8)]
    wanted += [f"more/a.tar/{n:04}.png" for n in range(15, 21)]
    assert [told.id for told in split.photos] == wanted
    assert split.persons == tuple(wanted)
    assert [caption.photo for caption in split.captions] == wanted
    assert split.captions[0].text == "Person 8 walks."
    assert split.left_out == ()
    one = read_data(f"tars:{shards / 'b.tar'}", "all")
    assert [told.id for told in one.photos] == wanted[7:15]


def test_a_tenth_by_hash_but_at_most_a_thousand_pairs_validate(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every, val, rest = (read_data(f"tars:{shards}", s) for s in ("all", "val", "train"))
    by_hash = sorted(every.persons, key=lambda p: hashlib.sha256(f"tars:{p}".encode()).hexdigest())
    assert set(val.persons) == set(by_hash[:2])
    assert sorted(val.persons + rest.persons) == sorted(every.persons)
    assert "no split 'test'" in refusal(shards, "test")
    monkeypatch.setattr("passerby.data.sources.MOST_VAL", 1)
    assert read_data(f"tars:{shards}", "val").persons == (by_hash[0],)


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ([("k.json", json.dumps({"caption": " A\n man. ", "url": 3}))], ["A man."]),
        ([("k.json", json.dumps({"captions": ["A man.", " ", "He."]}))], ["A man.", "He."]),
        ([("k.json", '{"caption": "no"}'), ("k.txt", "\ufeffA man.")], ["A man."]),
        ([("k.TXT", "人 in red")], ["人 in red"]),
    ],
)
def test_a_caption_is_a_text_or_in_json(
    tmp_path: Path, members: list[Member], wanted: list[str]
) -> None:
    shard(tmp_path / "a.tar", [("k.jpg", photo(1, "JPEG")), *members])
    assert [c.text for c in read_data(f"tars:{tmp_path}", "all").captions] == wanted


def test_one_pair_alone_is_nothing_to_train_on(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", pairs(1))
    assert "one pair alone" in refusal(tmp_path, "train")
    assert "one pair alone" in refusal(tmp_path, "val")
    assert len(read_data(f"tars:{tmp_path}", "all").photos) == 1


@pytest.mark.parametrize(
    "members",
    [
        [("x.png", photo(1))],
        [("x.txt", "A man.")],
        [("x.png", photo(1)), ("x.txt", " \n")],
        [("x.png", photo(1)), ("x.json", "{}")],
        [("x.png", photo(1)), ("x.json", '{"caption": null}')],
        [("x.png", photo(1)), ("x.json", '{"captions": []}')],
    ],
)
def test_a_key_that_is_no_pair_is_left_out_and_counted(
    tmp_path: Path, members: list[Member]
) -> None:
    shard(tmp_path / "a.tar", [*pairs(1, 2), *members])
    split = read_data(f"tars:{tmp_path}", "all")
    assert len(split.photos) == 2
    (line,) = split.left_out
    assert "1 of 3 keys" in line
    assert "a.tar/x" in line
    shard(tmp_path / "a.tar", members)
    assert "no pairs" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ([("k.json", "{")], "k.json is not JSON"),
        ([("k.json", "[" * 100_000)], "k.json is not JSON"),
        ([("k.json", "[1]")], "no JSON object"),
        ([("k.json", '{"caption": 3}')], "a text"),
        ([("k.json", '{"captions": "A man."}')], "list of texts"),
        ([("k.json", '{"caption": "a \\ud83d"}')], "half of a Unicode letter"),
        ([("k.txt", b"caf\xe9")], "k.txt is not UTF-8"),
        ([("k.json", b'{"caption": "caf\xe9"}')], "k.json is not UTF-8"),
        ([("k.txt", "x" * (1 << 20) + "x")], "no caption"),
        ([("k.txt", "a"), ("k.txt", "a")], "there twice (k.txt)"),
        ([("k.txt", "a"), ("./k.png", photo(2))], "there twice (k.png)"),
        ([("k.txt", "a"), ("k.jpeg", photo(2, "JPEG"))], "there twice (k.jpeg)"),
    ],
)
def test_a_caption_or_key_that_is_wrong_is_refused_by_shard_and_key(
    tmp_path: Path, members: list[Member], wanted: str
) -> None:
    file = shard(tmp_path / "a.tar", [("k.png", photo(1)), *members])
    line = refusal(tmp_path)
    assert wanted in line
    assert str(file) in line


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_in_a_shard_is_refused_by_its_name(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("0001.png")
        member.type, member.linkname = kind, "other"
        tar.addfile(member)
    assert "0001.png is a link or no plain file" in refusal(tmp_path)


def test_names_that_leave_the_folder_write_nothing(tmp_path: Path) -> None:
    members = [("../../up.png", photo(1)), ("../../up.txt", "A man.")]
    shard(tmp_path / "in" / "a.tar", [*members, ("/etc/x.png", photo(2)), ("/etc/x.txt", "She.")])
    split = read_data(f"tars:{tmp_path / 'in'}", "all")
    assert all(open_photo(told).size == (12, 24) for told in split.photos)
    assert len(split.photos) == 2
    assert [f.name for f in tmp_path.rglob("*")] == ["in", "a.tar"]


def test_names_that_are_no_utf8_or_long_or_in_folders_are_names(tmp_path: Path) -> None:
    keys = ["caf\udce9/1", "n" * 300, "./deep/er.d/人"]
    told = [(f"{k}.{e}", c) for k in keys for e, c in (("png", photo(1)), ("txt", "He."))]
    shard(tmp_path / "a.tar", told)
    split = read_data(f"tars:{tmp_path}", "train")
    assert len(split.photos) + len(read_data(f"tars:{tmp_path}", "val").photos) == 3
    assert all(open_photo(photo_).size == (12, 24) for photo_ in split.photos)


def test_what_is_no_shard_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "none")
    assert "no .tar in this folder" in refusal(tmp_path)
    file = shard(tmp_path / "a.tar", pairs(1))
    for name in ("b.tar.gz", "c.tgz", "d.tar.zst"):
        packed = tmp_path / name
        packed.write_bytes(gzip.compress(file.read_bytes()))
        for root in (tmp_path, packed):
            line = refusal(root)
            assert "gunzip it" in line
            assert name in line
        packed.unlink()
    (tmp_path / "b.tar").write_bytes(gzip.compress(file.read_bytes()))
    assert "gunzip it" in refusal(tmp_path)
    for content in (b"", b"no tar", os.urandom(5000)):
        (tmp_path / "b.tar").write_bytes(content)
        assert "b.tar: not a tar file" in refusal(tmp_path)
    (tmp_path / "b.tar").unlink()
    (tmp_path / "b.tar").symlink_to("gone.tar")
    assert "b.tar: not a file" in refusal(tmp_path)
    (tmp_path / "b.tar").unlink()


def test_links_are_followed_and_a_circle_of_them_ends(shards: Path, tmp_path: Path) -> None:
    wanted = read_data(f"tars:{shards}", "all")
    (shards / "round").symlink_to(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "linked").symlink_to(shards)
    assert read_data(f"tars:{shards}", "all").photos == wanted.photos
    linked = read_data(f"tars:{tmp_path / 'there'}", "all")
    assert [told.id for told in linked.photos] == [f"linked/{told.id}" for told in wanted.photos]


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_shard_that_ends_early_is_refused_wherever_it_is_cut(tmp_path: Path, style: int) -> None:
    """At every block, and in the middle of it: cut in the zeros of its end, it is still whole."""
    name = "n" * 90 if style == tarfile.USTAR_FORMAT else "n" * 200  # two more members in a header
    with tarfile.open(tmp_path / "whole.tar", "w", format=style) as tar:
        for n in range(4):
            for kind, content in (("png", photo(n)), ("txt", b"He.")):
                member = tarfile.TarInfo(f"{name}{n}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    content = (tmp_path / "whole.tar").read_bytes()
    with tarfile.open(tmp_path / "whole.tar") as tar:
        ends = [m.offset_data + m.size for m in tar.getmembers() if m.name.endswith("txt")]
    end = len(content.rstrip(b"\0"))
    end += -end % 512
    last = tmp_path / "a.tar"
    told = set()
    for cut in range(512, len(content), 256):
        last.write_bytes(content[:cut])
        if cut >= end + 1024:
            assert len(read_data(f"tars:{last}", "all").photos) == 4
            continue
        line = refusal(last)
        assert "a.tar" in line
        if "not a tar" not in line:
            assert "ends early, after " in line
            told.add(int(line.split("after ")[1].split()[0]))
            assert f"after {sum(at <= cut for at in ends)} whole pairs" in line
    assert told == {0, 1, 2, 3, 4}


def test_a_shard_cut_in_its_last_twenty_blocks_is_whole_or_refused(tmp_path: Path) -> None:
    content = shard(tmp_path / "a.tar", pairs(*range(20))).read_bytes()
    found = set()
    for blocks in range(21):
        (tmp_path / "a.tar").write_bytes(content[: len(content) - 512 * blocks])
        try:
            told = f"{len(read_data(f'tars:{tmp_path}', 'all').photos)} are whole"
        except BadData as error:
            told = f"refused: {'ends early, after ' in str(error)}"
        found.add(told)
    assert found == {"20 are whole", "refused: True"}


def test_damage_inside_a_shard_and_a_second_tar_behind_it_are_refused(tmp_path: Path) -> None:
    content = bytearray(shard(tmp_path / "a.tar", pairs(1, 2, 3)).read_bytes())
    second = content.index(b"0002.png")
    content[second + 3] ^= 1
    (tmp_path / "a.tar").write_bytes(content)
    assert f"damaged at byte {second} or behind it, after 1 whole pairs" in refusal(tmp_path)
    one = shard(tmp_path / "a.tar", pairs(1)).read_bytes()
    (tmp_path / "a.tar").write_bytes(one + one)
    assert "something follows the end" in refusal(tmp_path)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """12 pairs; photo 3 is no photo, 4 is cut short, 5 is empty, 9 has its captions twice."""
    members = dict(pairs(*range(12)))
    members["0003.png"], members["0005.png"] = b"no photo", b""
    members["0004.png"] = photo(4)[:200]
    del members["0009.txt"]
    members["0009.json"] = json.dumps({"captions": ["Person 9.", "Person 9 again."]})
    return shard(tmp_path / "b.tar", list(members.items()))


def test_a_broken_photo_stops_with_the_names_of_shard_and_key_and_the_way_on(broken: Path) -> None:
    split = read_data(f"tars:{broken}", "all")
    for workers in (0, 2):
        with pytest.raises(BadPhoto) as caught:
            epoch_of(split, batch=1, workers=workers)
        line = str(caught.value)
        assert line.isprintable()
        assert line.startswith("b.tar/000")
        assert "--set data.broken=skip" in line
    for place, wanted in ((3, "not an image"), (4, "cut short"), (5, "empty file")):
        with pytest.raises(BadPhoto, match=wanted):
            open_photo(split.photos[place])
    broken.unlink()
    with pytest.raises(BadPhoto, match="no such file"):
        open_photo(split.photos[0])


@pytest.mark.parametrize("taken", ["caption", "photo"])
def test_the_next_pair_takes_the_place_of_a_broken_one(broken: Path, taken: str) -> None:
    split = read_data(f"tars:{broken}", "all")
    given = {"broken": "skip", "pairs": taken, "batch": 3}
    whole = epoch_of(split, **given)
    for workers in (0, 2):
        assert same(epoch_of(split, **given, workers=workers), whole)
        assert same(epoch_of(split, **given, workers=workers, start=2), whole[2:])
    assert all(len(batch) == 3 for batch in whole)
    for batch in whole:
        for row, ids in enumerate(batch.texts.ids.tolist()):
            told = split.photos[int(batch.photos[row])]
            text = "".join(chr(i) for i in ids if i)
            assert f"{int(Path(told.id).stem)}" in text
            assert split.persons[int(batch.persons[row])] == told.person
    photos = [int(p) for batch in whole for p in batch.photos]
    assert not {3, 4, 5} & set(photos)
    assert photos.count(6) == 4
    lines = {line for batch in whole for line in batch.skipped}
    assert {line.partition(":")[0] for line in lines} == {f"b.tar/000{n}.png" for n in (3, 4, 5)}
    assert not any("--set" in line for line in lines)


def test_too_many_broken_photos_in_a_row_are_refused(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = read_data(f"tars:{broken}", "all")
    monkeypatch.setattr(batches_module, "IN_A_ROW", 2)
    with pytest.raises(BadData, match="more than 2 pairs in a row"):
        epoch_of(split, broken="skip", batch=1, workers=2)
    broken.unlink()
    with pytest.raises(BadData, match="no photo can be read"):
        without_broken(split)


def test_a_split_without_its_broken_photos_tells_of_them(broken: Path) -> None:
    split = read_data(f"tars:{broken}", "all")
    for workers in (0, 2):
        good = without_broken(split, workers)
        assert [p.id for p in good.photos] == [split.photos[n].id for n in (0, 1, 2, *range(6, 12))]
        assert len(good.captions) == 10
        assert len(good.left_out) == 3
        assert without_broken(good) is good


def recipe_for(root: Path, out: Path, name: str) -> Any:
    return parse_recipe(
        {
            "run": {"name": name, "out": str(out), "seed": 5},
            "data": {"train": f"tars:{root}", "batch": 4, "workers": 0, "broken": "skip"},
            "method": {"name": "twotower", "dim": 8, "identity_weight": 0.0},
            "photo": {"height": 16, "width": 8},
            "image_encoder": {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8],
                              "depths": [1], "layer_type": "basic"},
            "text_encoder": {"kind": "bert", "hidden_size": 8, "num_hidden_layers": 1,
                             "num_attention_heads": 2, "intermediate_size": 16,
                             "max_position_embeddings": 40},
            "train": {"epochs": 2, "device": "cpu", "threads": 1, "save_every": 1},
        }
    )  # fmt: skip


class Stopped(Exception):  # noqa: N818
    """As a kill would end a run."""


def after(steps: int) -> Callable[[dict[str, Any]], None]:
    left = steps

    def watch(event: dict[str, Any]) -> None:
        nonlocal left
        left -= "loss" in event
        if not left and "loss" in event:
            raise Stopped

    return watch


def test_a_training_on_shards_outlives_broken_photos_and_resumes_to_the_bit(tmp_path: Path) -> None:
    members = dict([*pairs(*range(30)), ("lone.txt", "He.")])
    val = {Path(p).stem for p in read_data(
        f"tars:{shard(tmp_path / 'a.tar', list(members.items()))}", "val").persons}  # fmt: skip
    lost = [sorted(val)[0], *sorted({f"{n:04}" for n in range(30)} - val)[5:7]]
    members |= {f"{key}.png": photo(int(key))[:150] for key in lost}
    root = shard(tmp_path / "a.tar", list(members.items()))
    heard: list[dict[str, Any]] = []
    torch.set_num_threads(1)
    whole = train(recipe_for(root, tmp_path, "whole"), watch=heard.append)
    told = [line for event in heard for line in event.get("skipped", ())]
    logged = [line for e in read_journal(whole / "log.jsonl") for line in e.get("skipped", ())]
    assert told == logged
    assert len(told) == len(set(told)) == 4
    assert "1 of 31 keys" in told[0]
    assert told[1].startswith(f"a.tar/{lost[0]}.png: damaged or cut short")
    assert {line.partition(":")[0] for line in told[2:]} == {f"a.tar/{k}.png" for k in lost[1:]}
    recipe = recipe_for(root, tmp_path, "stopped")
    for steps in (3, 5):
        with pytest.raises(Stopped):
            train(recipe, resume=True, watch=after(steps))
    folder = train(recipe, resume=True)
    one, two = (load_method(run / "last").state_dict() for run in (whole, folder))
    assert all(one[name].equal(two[name]) for name in one)
    again = [line for e in read_journal(folder / "log.jsonl") for line in e.get("skipped", ())]
    assert again == logged


def test_the_command_prints_a_line_for_each_photo_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console()
    with console:
        console.hear({"skipped": ["a.tar/1.png: cut short [1]", "a.tar/2.png: " + "x" * 200]})
    lines = [line for line in capsys.readouterr().err.splitlines() if "left out: a.tar" in line]
    assert lines[0].endswith("left out: a.tar/1.png: cut short [1]")
    assert len(lines) == 2
