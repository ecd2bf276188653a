"""benchmarks/commonality.py estimates commonality as training does."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from passerby.encoders.spec import EncoderSpec
from passerby.method import PhotoSpec
from passerby.methods.cmr import Cmr, Config
from passerby.types import Batch, Caption, Photo, Split, Texts

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from commonality import KINDS, SIDES, distinct, judged

RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
BERT = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32}  # fmt: skip


@pytest.mark.parametrize("parts", ["learned", "stripes"])
@pytest.mark.parametrize("kind", KINDS)
def test_estimates_of_a_batch_are_those_that_its_training_step_logs(kind: str, parts: str) -> None:
    torch.manual_seed(0)
    config = Config(
        PhotoSpec(64, 32),
        EncoderSpec("resnet", options=RESNET),
        EncoderSpec("bert", options=BERT),
        dim=8, heads=2, part_count=2, parts=parts, commonality=kind, warmup=0, persons=3,
        margin=0.01, floor=0.001,  # small, as parts of random weights are much alike
    )  # fmt: skip
    method = Cmr(config).eval()
    torch.nn.init.normal_(method.classes["fine"])
    texts = Texts(ids=torch.randint(1, 50, (5, 7)), mask=torch.ones(5, 7, dtype=torch.int64))
    persons = torch.tensor([0, 1, 2, 1, 0])
    batch = Batch(torch.randn(5, 3, 64, 32), texts, persons, torch.arange(5))
    method.losses(batch)

    with torch.inference_mode():
        features = {
            "captions": method.features_of_texts(texts).fine,
            "photos": method.features_of_photos(batch.images).fine,
        }
        places = dict.fromkeys(features, torch.arange(5).numpy())
        found = {(k, s): u for k, s, u in distinct(method, features, places, persons)}
    both = torch.cat([found[kind, "captions"], found[kind, "photos"]], 1)
    for part, u in enumerate(both):
        logged = float(method.measures[f"commonality {part + 1}"])
        assert logged == pytest.approx(1 - u.mean().item(), abs=1e-6)
    assert both.std() > 1e-4  # else anything would be equal to anything


def test_a_region_is_chosen_on_one_half_of_the_persons_and_told_of_the_other() -> None:
    count, draw = 400, np.random.default_rng(1)
    shared = draw.uniform(0.01, 1, (count, 5))
    choosing = np.zeros(count, dtype=bool)
    choosing[np.random.default_rng(0).permutation(count)[: count // 2]] = True
    # Who chooses sees region 2 in the estimates; all others have region 4 in theirs.
    c = np.where(choosing, shared[:, 2], shared[:, 4])[:, None]
    names = [str(number) for number in range(count)]
    split = Split(
        "train",
        tuple(Photo(name, Path(name), name) for name in names),
        tuple(Caption(name, "a person", name, name) for name in names),
    )
    found = {(kind, side): (c, np.zeros(1)) for kind in KINDS for side in SIDES}
    told = judged(found, shared, split, np.array([0.1]))
    assert told["part 1"] == {"height": 0.1, "chosen": "lower", "place": "head"}
    entry = told["part 1: sim_entropy of photos"]
    assert abs(entry["chosen"][0]) < 0.2
    assert entry["regions"]["bag"] == pytest.approx(1)
    assert abs(entry["place"][0]) < 0.2
