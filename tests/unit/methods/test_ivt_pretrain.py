"""Generic pre-training: three losses, a stop and a resume, and what search and fine-tuning take."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from passerby.build import build_method, load_method, save_method
from passerby.config import parse_recipe, read_recipe
from passerby.data.sources import read_data
from passerby.drawn.world import draw_world
from passerby.encoders.fusion import Fusion
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.evaluation import evaluate
from passerby.methods.ivt_pretrain import Config, IvtPretrain, pairs
from passerby.runs import train
from passerby.training.log import read_journal
from passerby.types import Batch, Texts

CAPTIONS = [
    "A man in a red shirt, blue jeans and white shoes. He carries a black bag.",
    "The woman is wearing a long white dress, black sandals and a green hat.",
    "A boy with yellow shorts",
    "A person in a dark coat walks away",
]
PERSONS = torch.tensor([0, 1, 0, 2])
TABLES = {
    "photo": {"height": 32, "width": 16},
    "image_encoder": {
        "kind": "vit", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "patch_size": 8,
    },
    "text_encoder": {
        "kind": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 24, "max_position_embeddings": 60,
    },
}  # fmt: skip
CALM = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def made(text=None, **settings) -> IvtPretrain:
    torch.manual_seed(0)
    method = {"name": "ivt_pretrain", "fusion_layers": 2, **settings}
    words = {**TABLES["text_encoder"], **(text or {})}
    recipe = parse_recipe({**TABLES, "text_encoder": words, "method": method})
    return build_method(recipe, CAPTIONS * 3, 3)


def batch_for(method, rows=4, seed=0) -> Batch:
    rngs = [np.random.default_rng([seed, number]) for number in range(rows)]
    photos = torch.randn(rows, 3, 32, 16, generator=torch.Generator().manual_seed(1))
    texts = method.draw_texts(CAPTIONS[:rows], rngs)
    return Batch(photos, texts, PERSONS[:rows], torch.arange(rows))


def folder_of(method, folder) -> str:
    save_method(method, "ivt_pretrain", folder)
    return str(folder)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, {"itc", "itm", "mlm"}),
        ({"preset": "released", "fusion_layers": 1}, {"itc", "itm", "mlm"}),
        ({"itc_weight": 0.0}, {"itm", "mlm"}),
        ({"itm_weight": 0.0}, {"itc", "mlm"}),
        ({"mlm_weight": 0.0}, {"itc", "itm"}),
        ({"itm_weight": 0.0, "mlm_weight": 0.0}, {"itc"}),
        ({"attention": "separate", "stride": 4, "types": "none"}, {"itc", "itm", "mlm"}),
    ],
    ids=lambda value: str(sorted(value)),  # a set has another order in every process
)
def test_each_loss_can_be_switched_off_and_the_rest_reach_every_weight(settings, names) -> None:
    method = made(drop_path=0.0, **settings).train()
    losses = method.losses(batch_for(method))
    assert set(losses) == names
    sum(losses.values()).backward()
    trained = [(n, p) for n, p in method.named_parameters() if p.requires_grad]
    assert [n for n, p in trained if p.grad is None or not p.grad.any()] == []
    assert (method.fusion is not None) == bool(names - {"itc"})


def test_weights_multiply_their_losses() -> None:
    plain = made().eval()
    weighed = made(itc_weight=2.0, itm_weight=3.0, mlm_weight=0.5).eval()
    batch = batch_for(plain)
    found = []
    for method in (plain, weighed):
        method.generator = torch.Generator().manual_seed(3)
        found.append({name: loss.item() for name, loss in method.losses(batch).items()})
    for name, weight in {"itc": 2.0, "itm": 3.0, "mlm": 0.5}.items():
        assert found[1][name] == pytest.approx(weight * found[0][name], rel=1e-5)


def test_losses_equal_the_parts_taken_one_by_one() -> None:
    """Pairs and hidden captions through the fusion encoder each by itself, with no padding."""
    method = made().eval()
    method.generator = torch.Generator().manual_seed(5)
    batch = batch_for(method)
    with torch.no_grad():
        found = method.losses(batch)
        photos = [method.network.photos(batch.images[n : n + 1]) for n in range(4)]

        def fused(ids, text, photo):
            count = int(batch.texts.mask[text].sum())
            one = torch.ones(1, count, dtype=torch.int64)
            read = method.network.texts(ids[text : text + 1, :count], one)
            seen = photos[photo].padded()[0]
            whole = method.fusion(read.padded()[0], one, seen, torch.tensor([0]))[0]
            return read.first[0], whole

        vectors = torch.stack([fused(batch.texts.ids, n, n)[0] for n in range(4)])
        unit = torch.nn.functional.normalize
        seen = torch.cat([photo.first for photo in photos])
        logits = unit(vectors, dim=1) @ unit(seen, dim=1).T / 0.07
        rows, looks = pairs(logits, PERSONS, torch.Generator().manual_seed(5))
        itm = 0.0
        for n, (text, photo) in enumerate(zip(rows.tolist(), looks.tolist(), strict=True)):
            told = method.pair_head(fused(batch.texts.ids, text, photo)[1][0]).log_softmax(0)
            itm -= float(told[int(n < 4)]) / 12
        told, words = [], method.network.word_tokens.words.weight
        for n in range(4):
            guesses = method.word_head(fused(batch.texts.masked_ids, n, n)[1], words)
            for place, label in enumerate(batch.texts.labels[n, : len(guesses)].tolist()):
                if label >= 0:
                    told.append(-float(guesses[place].log_softmax(0)[label]))
    assert float(found["itm"]) == pytest.approx(itm, rel=1e-4)
    assert float(found["mlm"]) == pytest.approx(sum(told) / len(told), rel=1e-4)
    assert len(told) >= 4


def test_wrong_pairs_are_of_other_persons_and_right_ones_come_first() -> None:
    logits, persons = torch.randn(5, 5), torch.tensor([0, 0, 1, 2, 2])
    rows, looks = pairs(logits, persons)
    assert len(rows) == len(looks) == 15
    assert rows[:10].tolist() == [*range(5)] * 2
    assert looks[:5].tolist() == looks[10:].tolist() == [*range(5)]
    assert (persons[rows[5:]] != persons[looks[5:]]).all()


def test_wrong_photos_follow_rows_and_wrong_texts_columns() -> None:
    logits = torch.tensor([[0.0, 50, 0], [0, 0, 50], [0, 50, 0]])
    rows, looks = pairs(logits, torch.arange(3), torch.Generator().manual_seed(0))
    assert looks[3:6].tolist() == [1, 2, 1]  # the photo most alike to each text
    assert int(rows[7]) != 1  # the texts 0 and 2 are as alike to the photo 1
    assert int(rows[8]) == 1  # the text most alike to the photo 2


def test_one_person_gives_right_pairs_alone_and_finite_losses() -> None:
    method = made().train()
    batch = batch_for(method)
    alike = Batch(batch.images, batch.texts, torch.zeros(4, dtype=torch.int64), batch.photos)
    losses = method.losses(alike)
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
    assert [len(side) for side in pairs(torch.randn(4, 4), alike.persons)] == [4, 4]


def test_captions_without_a_word_to_hide_are_finite() -> None:
    method = made().train()
    texts = method.draw_texts([""] * 4, [np.random.default_rng(0)] * 4)
    losses = method.losses(Batch(batch_for(method).images, texts, PERSONS, torch.arange(4)))
    assert losses["mlm"].item() == 0
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize("form", ["log", "linear"])
def test_the_temperature_starts_where_it_is_told_and_never_freezes(form) -> None:
    method = made(temperature=0.3, temperature_form=form).train()
    assert method._cooled().item() == pytest.approx(0.3)
    with torch.no_grad():
        method.temperature.fill_(-100.0)
    losses = method.losses(batch_for(method))
    assert method._cooled().item() == pytest.approx(0.01)
    assert torch.isfinite(losses["itc"])


def test_the_released_reading_compares_raw_vectors_and_closes_no_caption() -> None:
    released, own = made(preset="released").eval(), made().eval()
    with torch.no_grad():
        batch = batch_for(released)
        photos, texts = released.encode_images(batch.images), released.encode_texts(batch.texts)
        logits = photos.vector @ texts.vector.T / 0.5
        same = PERSONS[:, None] == PERSONS[None]
        target = same / same.sum(1, keepdim=True)
        each = [-(target * side.log_softmax(1)).sum(1).mean() for side in (logits, logits.T)]
        assert float(released.losses(batch)["itc"]) == pytest.approx(float(sum(each)) / 2, rel=1e-4)
    closing = own.tokenizer.ends[1]
    assert not (batch.texts.ids == closing).any()
    assert (batch_for(own).texts.ids == closing).sum() == 4
    assert (released.tokenize(CAPTIONS).ids == closing).sum() == 4  # search reads as ivt does
    assert (
        released.network.photo_tokens.types.shape == released.network.photo_tokens.positions.shape
    )


def test_ninety_steps_lower_all_three_losses() -> None:
    method = made(CALM, drop_path=0.0).train()
    optimizer = torch.optim.AdamW(method.parameters(), lr=5e-3)
    first: dict[str, float] = {}
    for step in range(90):
        method.generator = torch.Generator().manual_seed(step)
        losses = method.losses(batch_for(method))
        first = first or {name: loss.item() for name, loss in losses.items()}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    last = {name: loss.item() for name, loss in losses.items()}
    assert last["itc"] < first["itc"] - 0.5 * (first["itc"] - math.log(2) / 2)  # two share a person
    assert last["itm"] < 0.5 * first["itm"]
    assert last["mlm"] < 0.5 * first["mlm"]


def test_bf16_has_finite_losses_near_those_of_fp32() -> None:
    method = made().eval()
    batch, found = batch_for(method), []
    for half in (False, True):
        method.generator = torch.Generator().manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=half), torch.no_grad():
            found.append(method.losses(batch))
    for name, loss in found[0].items():
        assert float(found[1][name]) == pytest.approx(float(loss), rel=0.05, abs=0.02)


def test_fusion_starts_from_the_berts_layers_and_from_a_folder_that_has_one(tmp_path) -> None:
    from transformers import BertConfig, BertModel

    sizes = {n: v for n, v in TABLES["text_encoder"].items() if n != "kind"}
    bert = BertModel(BertConfig(**sizes, vocab_size=200), add_pooling_layer=False)
    bert.save_pretrained(tmp_path / "bert")
    method = IvtPretrain(
        Config(photo=made().photo_spec, fusion_layers=2,
               image_encoder=made().network.image_spec,
               text_encoder=EncoderSpec("bert", str(tmp_path / "bert")))
    )  # fmt: skip
    state = bert.state_dict()
    for number, layer in enumerate(method.fusion.layers):
        own = f"encoder.layer.{number}."
        assert torch.equal(layer.feed.fc1.weight, state[f"{own}intermediate.dense.weight"])
        assert torch.equal(
            layer.attention_norm.bias, state[f"{own}attention.output.LayerNorm.bias"]
        )
    assert torch.equal(
        method.network.word_tokens.words.weight, state["embeddings.word_embeddings.weight"]
    )
    again = Fusion(EncoderSpec("bert", folder_of(method, tmp_path / "pre")), 2)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in method.fusion.state_dict().items())
    with pytest.raises(BadModel, match="keep its fusion_layers"):
        Fusion(EncoderSpec("bert", str(tmp_path / "pre")), 1)
    with pytest.raises(BadModel, match="change sizes"):
        Fusion(EncoderSpec("bert", str(tmp_path / "pre"), {"intermediate_size": 8}), 2)


def test_fine_tuning_takes_the_network(tmp_path) -> None:
    method = made()
    source = {"source": folder_of(method, tmp_path / "best")}
    recipe = parse_recipe(
        {
            "photo": TABLES["photo"],
            "method": {"name": "ivt"},
            "image_encoder": {"kind": "vit", **source},
            "text_encoder": {"kind": "bert", **source},
        }
    )
    tuned = build_method(recipe, CAPTIONS, 3).network.state_dict()
    network = method.network.state_dict()
    assert set(tuned) == set(network)
    assert all(torch.equal(tuned[name], tensor) for name, tensor in network.items())


def test_a_tokenizer_without_a_mask_is_refused_unless_no_word_is_hidden() -> None:
    tokenizer = made().tokenizer
    told = json.loads(tokenizer.rules.to_str())
    vocabulary = told["model"]["vocab"]
    vocabulary["[HIDE]"] = vocabulary.pop("[MASK]")
    rules = type(tokenizer.rules).from_str(json.dumps(told))
    maskless = type(tokenizer)(rules)
    given = {name: getattr(made().resolved(), name) for name in ("photo", "image_encoder")}
    text = made().network.text_spec
    with pytest.raises(BadModel, match=r"no \[MASK\]"):
        IvtPretrain(Config(**given, text_encoder=text, fusion_layers=1), maskless)
    config = Config(**given, text_encoder=text, fusion_layers=1, mlm_weight=0.0)
    texts = IvtPretrain(config, maskless).draw_texts(CAPTIONS, [np.random.default_rng(0)] * 4)
    assert set(texts.tensors) == {"ids", "mask"}


def test_what_is_not_drawn_for_training_is_refused() -> None:
    method = made()
    batch = batch_for(method)
    texts = Texts(ids=batch.texts.ids, mask=batch.texts.mask)
    with pytest.raises(BadModel, match="draw_texts"):
        method.losses(Batch(batch.images, texts, batch.persons, batch.photos))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"itc_weight": 0.0, "itm_weight": 0.0, "mlm_weight": 0.0}, "one is above 0"),
        ({"itm_weight": -1.0}, "0 or more"),
        ({"temperature": 0.0}, r"temperature = 0\.0; it is 0\.01 or more"),
        ({"temperature_form": "lg"}, "log, linear"),
        ({"hidden_words": 1.5}, "from 0 to 1"),
        ({"hidden_most": 0}, "1 or more"),
        ({"tokens": 2}, "3 or more"),
        ({"fusion_layers": 0}, "fusion_layers = 0"),
        ({"attention": "joint"}, "shared, separate"),
    ],
    ids=str,
)
def test_settings_that_make_no_pre_training_are_refused(settings, told) -> None:
    with pytest.raises(BadRecipe, match=told):
        made(**settings)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn") / "people"
    draw_world(root, 8, 2, seed=1, captions=1, height=32, width=16, val=3, test=0, workers=1)
    return root


def recipe_for(people, out, name):
    told = {
        **TABLES,
        "run": {"name": name, "out": str(out), "seed": 5},
        "data": {"train": f"drawn:{people}", "batch": 4, "workers": 0},
        "method": {"name": "ivt_pretrain", "fusion_layers": 1},
        "optim": {"kind": "sgd", "lr": 5e-3, "scale": {"biases": 2.0}, "offset": False},
        "train": {"epochs": 2, "device": "cpu", "threads": 1, "save_every": 1},
    }
    return parse_recipe(told)


def test_a_killed_and_resumed_run_on_drawn_people_ends_as_an_unbroken_one_and_searches(
    people, tmp_path, killed_at
) -> None:
    torch.set_num_threads(1)
    whole = train(recipe_for(people, tmp_path, "whole"))
    broken = recipe_for(people, tmp_path, "broken")
    for step in (1, 2):
        killed_at(broken, step)
    folder = train(broken, resume=True)
    for part in ("last", "best"):
        one, two = (load_method(run / part).state_dict() for run in (whole, folder))
        assert all(torch.equal(one[name], two[name]) for name in one)
    events = [read_journal(run / "log.jsonl") for run in (whole, folder)]
    for key in ("itc", "itm", "mlm", "validation"):
        told = [[event[key] for event in own if key in event] for own in events]
        assert told[0] == told[1] != []
    best, split = load_method(folder / "best"), read_data(f"drawn:{people}", "val")
    assert evaluate(best, split).metrics["rank-1"] == max(
        event["validation"]["rank-1"] for event in events[1] if "validation" in event
    )
    # Not above: lancedb warns of children that are forked after it.
    from passerby.gallery.ingest import ingest
    from passerby.gallery.search import Searcher
    from passerby.gallery.store import Store

    with Store.write(tmp_path / "gallery", best.fingerprint, str(folder / "best")) as store:
        ingest(best, store, people / "imgs", workers=1)
    hits = Searcher(best, Store.open(tmp_path / "gallery")).search("a woman in a red coat", 3)
    assert len(hits) == 3
    assert hits[0].score >= hits[1].score >= hits[2].score


def test_the_recipe_is_the_papers_size() -> None:
    recipe = read_recipe(Path(__file__).parents[3] / "recipes" / "ivt-pretrain.toml")
    assert (recipe.photo.height, recipe.photo.width, recipe.data.batch) == (384, 128, 512)
    assert (recipe.optim.kind, recipe.optim.lr, recipe.train.epochs) == ("sgd", 5e-3, 120)
