"""NAFS at the paper's size: one step of its recipe on a CPU, then a gallery and a query."""

from pathlib import Path

import pytest
import torch

from passerby.build import build_method
from passerby.config import parse_recipe, read_recipe, to_json
from passerby.data.batches import train_batches
from passerby.data.sources import read_data
from passerby.drawn.world import draw_world
from passerby.embedding import embed_texts
from passerby.evaluation import embed_photos
from passerby.gallery.ingest import ingest
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.training.optim import optimizer, set_rate

RECIPE = Path(__file__).parents[2] / "recipes" / "nafs-cuhk.toml"


@pytest.mark.slow
def test_random_weights_of_full_size_take_a_step_and_answer_a_query(tmp_path) -> None:
    draw_world(tmp_path / "people", 4, 2, 0, val=0, test=0, workers=1)
    split = read_data(f"drawn:{tmp_path / 'people'}", "train")
    tables = to_json(read_recipe(RECIPE))
    for tower in ("image_encoder", "text_encoder"):
        tables[tower]["source"] = ""  # no weights are here: random ones of the same sizes
    recipe = parse_recipe(tables)
    torch.manual_seed(0)
    captions = [caption.text for caption in split.captions]
    nafs = build_method(recipe, captions * 2, len(split.persons)).train()
    assert nafs.image_encoder.width == 2048
    assert nafs.text_encoder.width == 768
    assert sum(p.numel() for p in nafs.parameters()) > 150e6

    make = optimizer(nafs, recipe.optim)
    set_rate(make, recipe.optim.lr * recipe.optim.factor(0, 1, 60))
    (batch,) = train_batches(
        split, nafs.tokenize, nafs.photo_spec, batch=2, seed=0, epoch=0, steps=1
    )
    before = {n: p.detach().clone() for n, p in nafs.named_parameters() if "head" in n}
    losses = nafs.losses(batch)
    sum(losses.values()).backward()
    make.step()
    assert set(losses) == {"cmpm", "cmpc", "local"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = [n for n, p in nafs.named_parameters() if n in before and not p.equal(before[n])]
    assert len(moved) == len(before)

    nafs.eval().fingerprint = "full size"
    with Store.write(tmp_path / "gallery", "full size", "default") as store:
        ingest(nafs, store, tmp_path / "people" / "imgs")
    answer = Searcher(nafs, Store.open(tmp_path / "gallery")).answer(captions[0], k=8)
    text, photos = embed_texts(nafs, captions[:1]), embed_photos(nafs, split.photos)
    expected = nafs.similarity(text, photos)[0]
    found = {hit.path.name: hit.score for hit in answer.hits}
    for photo, score in zip(split.photos, expected.tolist(), strict=True):
        assert found[photo.path.name] == pytest.approx(score, abs=0.01)  # parts are kept in fp16
    assert answer.exact
