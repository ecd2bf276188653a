"""Methods at their papers' sizes: one step of the recipe on a CPU, then a gallery and a query."""

from dataclasses import dataclass
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

RECIPES = Path(__file__).parents[2] / "recipes"


@dataclass(frozen=True)
class Size:
    """width: of what reads photos. parameters: at least. losses: by name. parts: of a photo; 0 for
    none. watched: in the names of weights that one step has to move. photos: the kind that reads
    photos in place of the recipe's. vector: numbers of one, 0 for any.
    """

    width: int
    parameters: float
    losses: set[str]
    parts: int
    watched: str = "part"
    photos: str = ""
    vector: int = 0


CMR = {
    "identity_whole", "ranking_whole", "identity_coarse", "ranking_coarse", "identity_fine", "cmr",
    "diversity",
}  # fmt: skip
SIZES = {
    "nafs": Size(2048, 150e6, {"cmpm", "cmpc", "local"}, 6),
    "acsa": Size(768, 115e6, {"cmpm", "cmpc", "local_i2t", "local_t2i"}, 7),
    "ivt": Size(768, 140e6, {"cmpm"}, 0, "attention"),
    "cmr": Size(2048, 115e6, CMR, 0, "parts.", vector=13 * 512),
    "cmr-vit": Size(768, 175e6, CMR, 0, "parts.", photos="vit", vector=13 * 512),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_random_weights_of_full_size_take_a_step_and_answer_a_query(name, tmp_path) -> None:
    draw_world(tmp_path / "people", 4, 2, 0, val=0, test=0, workers=1)
    split = read_data(f"drawn:{tmp_path / 'people'}", "train")
    size, name = SIZES[name], name.removesuffix("-vit")
    tables = to_json(read_recipe(RECIPES / f"{name}-cuhk.toml"))
    if size.photos:
        tables["image_encoder"] = {"kind": size.photos}
    for tower in ("image_encoder", "text_encoder"):
        tables[tower]["source"] = ""  # no weights are here: random ones of the same sizes
    recipe = parse_recipe(tables)
    torch.manual_seed(0)
    captions = [caption.text for caption in split.captions]
    method = build_method(recipe, captions * 2, len(split.persons)).train()
    if name == "ivt":  # one network
        assert method.network.width == size.width
        assert method.network.photo_places == 311
    else:
        assert method.image_encoder.width == size.width
        assert method.text_encoder.width == 768
    if name == "cmr":  # no halving in the last stage of a ResNet: as many places as ViT's patches
        assert method.image_encoder.maps((384, 128))[-1] == (24, 8)
    assert sum(p.numel() for p in method.parameters()) > size.parameters

    make = optimizer(method, recipe.optim)
    set_rate(make, recipe.optim.lr * recipe.optim.factor(0, 1, 60))
    (batch,) = train_batches(
        split, method.draw_texts, method.photo_spec, batch=2, seed=0, epoch=0, steps=1,
        views=method.views,
    )  # fmt: skip
    before = {n: p.detach().clone() for n, p in method.named_parameters() if size.watched in n}
    losses = method.losses(batch)
    sum(losses.values()).backward()
    make.step()
    assert set(losses) == size.losses
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = [n for n, p in method.named_parameters() if n in before and not p.equal(before[n])]
    assert len(moved) == len(before) > 10

    method.eval().fingerprint = "full size"
    with Store.write(tmp_path / "gallery", "full size", "default") as store:
        ingest(method, store, tmp_path / "people" / "imgs")
    answer = Searcher(method, Store.open(tmp_path / "gallery")).answer(captions[0], k=8)
    text, photos = embed_texts(method, captions[:1]), embed_photos(method, split.photos)
    assert (0 if photos.parts is None else photos.parts.shape[1]) == size.parts
    assert size.vector in (0, photos.vector.shape[1])
    expected = method.similarity(text, photos)[0]
    found = {hit.path.name: hit.score for hit in answer.hits}
    for photo, score in zip(split.photos, expected.tolist(), strict=True):
        assert found[photo.path.name] == pytest.approx(score, abs=0.01)  # parts are kept in fp16
