"""Vectors on disk are known by content and maker, and a kill loses only what was not saved."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor

from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.encoders.vectors import Vectors, fingerprint
from passerby.errors import BadModel

OPTIONS = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 40, "vocab_size": 90,
}  # fmt: skip
MADE_BY, WIDTH, ROWS = "ab" * 32, 256, 100


def made(numbers: range, wide: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """ids, mask and the one right vector of rows by their number."""
    count = torch.tensor(list(numbers))
    ids = torch.zeros(len(count), wide, dtype=torch.int64)
    ids[:, 0], ids[:, 1], ids[:, 2] = 1, count, 2
    mask = (torch.arange(wide) < 3).long().expand(len(count), wide)
    return ids, mask, torch.sin(count[:, None] * torch.linspace(1, 2, WIDTH))


def filled(folder: Path, numbers: range = range(8)) -> Vectors:
    vectors = Vectors(folder, MADE_BY, WIDTH)
    vectors.add(*made(numbers))
    vectors.save()
    return vectors


def the_file(folder: Path) -> Path:
    (file,) = folder.rglob("*.safetensors")
    return file


def holds(folder: Path, numbers: range) -> bool:
    """Whether a folder, opened anew, holds the right vectors of these rows and no other row."""
    vectors = Vectors(folder, MADE_BY, WIDTH)
    ids, mask, right = made(numbers)
    found, there = vectors.find(ids, mask)
    return len(vectors) == len(numbers) and bool(there.all()) and torch.equal(found, right)


def test_what_was_saved_is_found_again_and_nothing_else(tmp_path: Path) -> None:
    filled(tmp_path, range(8))
    vectors = Vectors(tmp_path, MADE_BY, WIDTH)
    ids, mask, right = made(range(4, 12))
    found, there = vectors.find(ids, mask)
    assert there.tolist() == [True] * 4 + [False] * 4
    assert torch.equal(found[:4], right[:4])
    assert found.dtype == torch.float32
    assert not found[4:].any()
    vectors.add(ids, mask, right)
    assert torch.equal(vectors.find(ids, mask)[0], right)
    assert holds(tmp_path, range(8))
    vectors.save()
    vectors.save()  # nothing new: no further file
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert holds(tmp_path, range(12))


def test_the_first_vector_of_a_row_is_kept(tmp_path: Path) -> None:
    vectors = filled(tmp_path)
    ids, mask, right = made(range(7, 9))
    vectors.add(ids.repeat(2, 1), mask.repeat(2, 1), torch.cat([right, right + 1]))
    vectors.add(ids, mask, right + 2)
    vectors.save()
    assert holds(tmp_path, range(9))


def test_padding_and_width_of_a_row_do_not_matter(tmp_path: Path) -> None:
    vectors = filled(tmp_path)
    ids, mask, right = made(range(8), wide=30)
    ids[:, 3:] = 77
    found, there = vectors.find(ids, mask)
    assert there.all()
    assert torch.equal(found, right)
    mask = mask.clone()
    mask[:, 3] = 1  # now a real token
    assert not vectors.find(ids, mask)[1].any()
    mask[:, 3], mask[:, 1] = 0, 0  # the last real token stands where it stood
    assert not vectors.find(ids, mask)[1].any()


def test_a_row_of_no_tokens_has_zeros_and_is_not_stored(tmp_path: Path) -> None:
    vectors = Vectors(tmp_path, MADE_BY, WIDTH)
    for ids in (torch.ones(2, 5, dtype=torch.int64), torch.ones(2, 0, dtype=torch.int64)):
        vectors.add(ids, torch.zeros_like(ids), torch.ones(2, WIDTH))
        found, there = vectors.find(ids, torch.zeros_like(ids))
        assert there.tolist() == [True, True]
        assert not found.any()
    assert len(vectors) == 0
    assert vectors.find(ids[:0], ids[:0])[0].shape == (0, WIDTH)


def test_vectors_made_in_inference_mode_serve_training(tmp_path: Path) -> None:
    vectors = Vectors(tmp_path, MADE_BY, WIDTH)
    ids, mask, right = made(range(8))
    with torch.inference_mode():
        vectors.add(ids[:4], mask[:4], right[:4].clone())
        vectors.find(ids, mask)
    vectors.add(ids[4:], mask[4:], right[4:].clone().requires_grad_())
    found, there = vectors.find(ids, mask)
    assert there.all()
    weight = torch.ones(WIDTH, requires_grad=True)
    (found * weight).sum().backward()
    torch.testing.assert_close(weight.grad, right.sum(0))
    vectors.add(*(t.clone() for t in made(range(8, 9))[:2]), made(range(8, 9))[2].bfloat16())
    assert vectors.find(*made(range(8, 9))[:2])[0].dtype == torch.float32


def test_a_fingerprint_tells_what_decides_vectors(tmp_path: Path) -> None:
    encoder = text_encoder(EncoderSpec("bert", "", OPTIONS))
    first = fingerprint(encoder, pooling="first")
    assert len(bytes.fromhex(first)) == 32
    assert fingerprint(encoder, pooling="mean") != first
    encoder.train().requires_grad_(False)
    assert fingerprint(encoder.eval(), pooling="first") == first
    other = text_encoder(EncoderSpec("bert", "", {**OPTIONS, "hidden_act": "relu"}))
    other.load_state_dict(encoder.state_dict())
    assert fingerprint(other, pooling="first") != first
    weight = encoder.model.encoder.layer[0].output.dense.bias
    weight.data[3] += 1e-6
    assert fingerprint(encoder, pooling="first") != first
    weight.data[3] -= 1e-6
    assert fingerprint(encoder.bfloat16(), pooling="first") != first


def test_the_same_weights_have_one_fingerprint_wherever_they_come_from(tmp_path: Path) -> None:
    encoder = text_encoder(EncoderSpec("bert", "", OPTIONS))
    encoder.model.save_pretrained(tmp_path)
    fetched = text_encoder(EncoderSpec("bert", str(tmp_path)))
    resolved = json.loads(json.dumps(dict(fetched.spec.options)))
    again = text_encoder(EncoderSpec("bert", "", resolved))
    again.load_state_dict(fetched.state_dict())
    assert fingerprint(encoder) == fingerprint(fetched) == fingerprint(again)


def tensors(rows: int = 2, key: int = 16, width: int = WIDTH, kind: type = np.float32) -> dict:
    return {"keys": np.zeros((rows, key), np.uint8), "vectors": np.zeros((rows, width), kind)}


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda f: f.write_bytes(f.read_bytes()[:-100]), "no whole file"),
    "empty": (lambda f: f.write_bytes(b""), "no whole file"),
    "garbage": (lambda f: f.write_bytes(b"garbage\n" * 99), "no whole file"),
    "flipped": (_flip, "checksum"),
    "no keys": (lambda f: save_file({"a": np.zeros(1)}, f), "no whole file"),
    "no maker": (lambda f: save_file(tensors(), f), "another model"),
    "other maker": (lambda f: save_file(tensors(), f, {"fingerprint": "cd" * 32}), "another model"),
    "short keys": (lambda f: save_file(tensors(key=8), f, {"fingerprint": MADE_BY}), "no keys"),
    "narrow": (
        lambda f: save_file(tensors(width=16), f, {"fingerprint": MADE_BY}),
        f"holds 2x16 numbers .float32., not 2x{WIDTH}",
    ),
    "double": (
        lambda f: save_file(tensors(kind=np.float64), f, {"fingerprint": MADE_BY}),
        "float64",
    ),
    "half": (lambda f: save_file(tensors(kind=np.float16), f, {"fingerprint": MADE_BY}), "float16"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_or_foreign_file_is_named_and_may_be_removed(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    file, (harm, reason) = the_file(tmp_path), DAMAGE[name]
    harm(file)
    with pytest.raises(BadModel, match=reason) as refused:
        Vectors(tmp_path, MADE_BY, WIDTH)
    assert str(refused.value).startswith(str(file))
    assert "remove it: it is made again by the next run" in str(refused.value)
    assert "\n" not in str(refused.value)
    file.unlink()
    filled(tmp_path)
    assert holds(tmp_path, range(8))


def test_a_file_of_another_model_is_not_taken_when_it_is_copied_over(tmp_path: Path) -> None:
    filled(tmp_path)
    other = Vectors(tmp_path, "cd" * 32, WIDTH)
    assert len(other) == 0
    copied = other.folder / the_file(tmp_path).name
    copied.write_bytes(the_file(tmp_path).read_bytes())
    with pytest.raises(BadModel, match="another model"):
        Vectors(tmp_path, "cd" * 32, WIDTH)


def test_vectors_that_are_not_finite_are_never_kept_or_taken(tmp_path: Path, monkeypatch) -> None:
    ids, mask, vectors = made(range(3))
    vectors[1, 0] = float("nan")
    kept = Vectors(tmp_path, MADE_BY, WIDTH)
    with pytest.raises(BadModel, match="not finite"):
        kept.add(ids, mask, vectors)
    assert len(kept) == 0
    with monkeypatch.context() as careless:
        careless.setattr(np, "isfinite", np.ones_like)
        kept.add(ids, mask, vectors)
        kept.save()
    with pytest.raises(BadModel, match=r"not finite; remove it"):
        Vectors(tmp_path, MADE_BY, WIDTH)


def test_vectors_of_another_width_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    ids, mask, vectors = made(range(3))
    for wrong in (vectors[:, :1], vectors[:2]):
        with pytest.raises(ValueError, match="3 rows of 256, not"):
            Vectors(tmp_path, MADE_BY, WIDTH).add(ids, mask, wrong)


def test_a_half_written_file_is_ignored_and_swept_when_nobody_writes_it(tmp_path: Path) -> None:
    filled(tmp_path)
    whole = the_file(tmp_path)
    old, young = (whole.with_name(f"{name}.part") for name in ("old", "young"))
    for half in (old, young):
        half.write_bytes(whole.read_bytes()[:500])
    os.utime(old, (time.time() - 7200,) * 2)
    assert holds(tmp_path, range(8))
    assert not old.exists()
    assert young.exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(BadModel, match=r"cannot be kept there \(.+\).*choose another folder$"):
        Vectors(tmp_path / "taken", MADE_BY, WIDTH)


def test_a_full_disk_leaves_nothing_half_written_and_loses_nothing(tmp_path: Path) -> None:
    vectors = filled(tmp_path)
    vectors.add(*made(range(8, 40)))
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, free[1]))
    try:
        with pytest.raises(BadModel, match=r"File too large\); make room"):
            vectors.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
    assert [file.suffix for file in vectors.folder.iterdir()] == [".safetensors"]
    assert holds(tmp_path, range(8))
    vectors.save()
    assert holds(tmp_path, range(40))


def _fill(folder: Path, start: int, times: int, ready: Connection) -> None:
    torch.set_num_threads(1)
    vectors = Vectors(folder, MADE_BY, WIDTH)
    ready.send("go")
    for block in range(start, start + times):
        vectors.add(*made(range(block * ROWS, (block + 1) * ROWS)))
        vectors.save()


def test_a_kill_loses_at_most_what_was_not_saved(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "safetensors.numpy"])
    draw, stored = random.Random(0), [0]
    for _ in range(10):
        here, there = forked.Pipe()
        child = forked.Process(target=_fill, args=(tmp_path, stored[-1] // ROWS, 9999, there))
        child.start()
        assert here.poll(60)
        here.recv()
        time.sleep(draw.uniform(0.01, 0.08))
        assert child.is_alive()
        child.kill()
        child.join()
        rows = len(Vectors(tmp_path, MADE_BY, WIDTH))
        assert rows % ROWS == 0
        assert holds(tmp_path, range(rows))
        stored.append(rows)
    assert stored == sorted(stored)
    assert len(set(stored)) > 5  # the kills fell in the middle of the work


def test_files_that_share_some_rows_are_joined(tmp_path: Path) -> None:
    opened = [Vectors(tmp_path, MADE_BY, WIDTH) for _ in range(3)]
    for vectors, numbers in zip(opened, (range(8), range(4, 12), range(10, 20)), strict=True):
        vectors.add(*made(numbers))
        vectors.save()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3
    assert holds(tmp_path, range(20))
    joined = filled(tmp_path, range(15, 40))  # further rows take no known row's place
    assert torch.equal(joined.find(*made(range(40))[:2])[0], made(range(40))[2])
    assert holds(tmp_path, range(40))


def test_two_processes_fill_one_folder_without_harm(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "safetensors.numpy"])
    here, there = forked.Pipe()
    children = [
        forked.Process(target=_fill, args=(tmp_path, start, 20, there)) for start in (0, 0, 10)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    del here
    assert not list(tmp_path.rglob("*.part"))
    assert holds(tmp_path, range(30 * ROWS))
