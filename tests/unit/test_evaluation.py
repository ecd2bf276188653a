"""Evaluation embeds once, ranks in blocks and says how its numbers were made."""

import dataclasses

import pytest
import torch
from PIL import Image

from passerby.errors import BadData, BadModel, BadRecipe
from passerby.evaluation import evaluate, evaluate_each
from passerby.method import Method, PhotoSpec
from passerby.ranking.order import rank
from passerby.ranking.rerank import Reranker
from passerby.similarity.cosine import cosine
from passerby.types import Caption, Embeddings, Photo, Split, Texts

SHADES = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "gray": (99, 99, 99)}


class Shades(Method):
    """Knows colour words and mean colours; counts what it encodes."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.encoded = 0
        self.most_texts = 0
        self.widest = (0, 0)

    @property
    def photo_spec(self):
        return PhotoSpec(8, 4, mean=(0, 0, 0), std=(1, 1, 1))

    def tokenize(self, texts):
        return Texts(ids=torch.tensor([[float(v) for v in SHADES[t.split()[-1]]] for t in texts]))

    def encode_images(self, images):
        self.encoded += len(images)
        return Embeddings(images.mean((2, 3)) * self.weight + 1e-3)

    def encode_texts(self, texts):
        self.most_texts = max(self.most_texts, len(texts))
        return Embeddings(texts.ids * self.weight + 1e-3)

    def similarity(self, texts, photos):
        self.widest = max(self.widest, (len(texts), len(photos)))
        return cosine(texts.vector, photos.vector)

    def losses(self, batch):
        raise NotImplementedError


@pytest.fixture
def split(tmp_path):
    photos, captions = [], []
    for shade, rgb in SHADES.items():
        path = tmp_path / f"{shade}.png"
        Image.new("RGB", (4, 8), rgb).save(path)
        photos.append(Photo(shade, path, person=shade))
        captions += [Caption(f"{shade}{n}", f"someone in {shade}", shade, shade) for n in range(5)]
    return Split("test", tuple(photos), tuple(captions))


def test_a_model_that_knows_all_is_right_everywhere(split) -> None:
    report = evaluate(Shades(), split)
    assert report.metrics["rank-1"] == report.metrics["mAP"] == 100
    assert (report.card["queries"], report.card["photos"], report.card["persons"]) == (20, 4, 4)


def test_each_photo_is_embedded_once_and_no_block_is_larger_than_asked(split) -> None:
    method = Shades()
    evaluate(method, split, block=3)
    assert method.encoded == 4
    assert max(method.widest) <= 3
    assert method.most_texts <= 3


def test_blocks_do_not_change_a_number(split) -> None:
    assert evaluate(Shades(), split, block=3).metrics == evaluate(Shades(), split).metrics


class Worded(Shades):
    """A part for each letter of a caption, padded to the longest of a block; counts the padding."""

    padding = 0

    def tokenize(self, texts):
        longest = max(map(len, texts))
        codes = [[ord(c) for c in text] + [0] * (longest - len(text)) for text in texts]
        return Texts(ids=super().tokenize(texts).ids, codes=torch.tensor(codes))

    def encode_texts(self, texts):
        parts = torch.stack([texts.codes.float(), (texts.codes**2).float()], 2)
        self.padding += int((texts.codes == 0).sum())
        return Embeddings(super().encode_texts(texts).vector, parts, parts, texts.codes > 0)

    def similarity(self, texts, photos):
        known = texts.values * texts.mask[..., None]
        mean = (known.sum((1, 2)) / texts.mask.sum(1)).sin()[:, None]
        return super().similarity(texts, photos) * mean


def of_lengths(split):
    """The split with captions of many lengths, long and short in turn."""
    captions = [
        dataclasses.replace(c, text=("tall " * (7 * n % 11)) + c.text)
        for n, c in enumerate(split.captions)
    ]
    return dataclasses.replace(split, captions=tuple(captions))


def test_captions_with_parts_give_the_same_numbers_in_any_block(split) -> None:
    split = of_lengths(split)
    whole = evaluate(Worded(), split).metrics
    assert whole["rank-1"] < 100  # else nothing could change
    for block in (1, 3, 7):
        assert evaluate(Worded(), split, block=block).metrics == whole


def test_captions_of_a_block_are_of_like_length(split) -> None:
    split = of_lengths(split)
    method = Worded()
    evaluate(method, split, block=5)
    longest = max(len(caption.text) for caption in split.captions)
    assert method.padding < 0.3 * sum(longest - len(c.text) for c in split.captions)


def test_a_re_ranking_hears_each_block_and_all_photo_vectors(split) -> None:
    heard = []

    def backwards(ranking, photos):
        heard.append((len(ranking.queries), tuple(photos.shape)))
        scores = torch.empty_like(ranking.scores).scatter_(1, ranking.order, -ranking.scores)
        return rank(ranking.queries, ranking.photos, scores)

    report = evaluate(Shades(), split, block=8, rerank=backwards)
    assert heard == [(8, (4, 3)), (8, (4, 3)), (4, (4, 3))]
    assert report.metrics["rank-1"] == 0
    assert report.card["reranking"] == "backwards"


def test_a_re_ranked_report_says_how_and_a_plain_one_says_none(split) -> None:
    again = Reranker("neighbours", 2, 0.1, tuned_on="val")
    report = evaluate(Shades(), split, rerank=again)
    assert report.card["reranking"] == {
        "kind": "neighbours", "k": 2, "weight": 0.1, "tuned_on": "val",
    }  # fmt: skip
    assert evaluate(Shades(), split).card["reranking"] == "none"


def test_reports_with_and_without_re_ranking_embed_once_and_are_as_each_alone(split) -> None:
    method, again = Shades(), Reranker("neighbours", 2, 0.1)
    plain, re_ranked = evaluate_each(method, split, [None, again])
    assert method.encoded == 4
    assert plain == evaluate(Shades(), split)
    assert re_ranked == evaluate(Shades(), split, rerank=again)


def test_the_trapezoid_is_added_and_the_card_warns_of_it(split) -> None:
    plain, both = evaluate(Shades(), split), evaluate(Shades(), split, ap="trapezoid")
    assert both.metrics == plain.metrics | {"mAP-trapezoid": 100}
    assert "trapezoid" not in plain.card["ap"]
    assert both.card["ap"].startswith(plain.card["ap"] + "; mAP-trapezoid")
    assert "only with papers that use it" in both.card["ap"]


def test_the_mode_of_the_method_is_left_as_it_was(split) -> None:
    method = Shades().train()
    evaluate(method, split)
    assert method.training


def test_queries_without_a_right_photo_are_counted_and_said(split) -> None:
    stranger = Caption("x", "someone in red", "red", "nobody")
    odd = dataclasses.replace(split, captions=(*split.captions, stranger))
    report = evaluate(Shades(), odd)
    assert report.card["queries_without_right_photo"] == 1
    assert report.metrics["rank-1"] == 100


def test_a_split_without_captions_is_refused(split) -> None:
    with pytest.raises(BadData, match="no captions"):
        evaluate(Shades(), dataclasses.replace(split, captions=()))


def test_damaged_weights_are_said_and_never_scored(split) -> None:
    method = Shades()
    method.weight.data.fill_(torch.nan)
    with pytest.raises(BadModel, match="not finite"):
        evaluate(method, split)


def test_a_report_is_written_with_its_card(split, tmp_path) -> None:
    import json

    evaluate(Shades(), split).with_card(data="x:y").write(tmp_path / "new" / "r.json")
    told = json.loads((tmp_path / "new" / "r.json").read_text())
    assert told["metrics"]["rank-1"] == 100
    assert told["card"]["data"] == "x:y"
    assert told["card"]["ap"] == "mean precision at each right photo"


def heard_scores(split, **options):
    """Every score that evaluation heard, by (caption, photo), and the reports."""
    scores = {}

    def listen(_, ranking, relevant):
        assert relevant.shape == ranking.order.shape
        for row, query in enumerate(ranking.queries):
            scores.update({(query, photo): s for photo, s in ranking.top(row, len(SHADES))})

    return scores, evaluate_each(Worded(), split, [None], listen=listen, **options)


@pytest.mark.parametrize("block", [1, 3, 256])
def test_photo_to_text_asks_each_photo_for_the_captions_of_its_person(split, block: int) -> None:
    split = of_lengths(split)
    scores, (plain, turned) = heard_scores(split, block=block, photo_to_text=True)
    assert plain == evaluate(Worded(), split)
    assert turned == evaluate(Worded(), split, direction="photo-to-text")
    hits = []
    for photo in split.photos:
        found = [(-scores[c.id, photo.id], c.person == photo.person) for c in split.captions]
        hits.append(sorted(found)[0][1])
    assert turned.metrics["rank-1"] == pytest.approx(100 * sum(hits) / len(hits), abs=1e-3)
    assert 0 < turned.metrics["mAP"] < 100
    assert turned.queries is not None
    assert turned.queries["id"] == [photo.id for photo in split.photos]
    assert turned.queries["right"] == [5, 5, 5, 5]
    card = turned.card
    assert (card["queries"], card["captions"], card["photos"]) == (4, 20, 4)
    assert card["protocol"]["direction"] == card["direction"] == "photo-to-text"
    assert card["query"] == "every photo of the split once"
    assert card["protocol"]["queries"] == plain.card["protocol"]["gallery"]


def test_a_photo_of_nobody_named_asks_for_nothing_and_is_counted(split) -> None:
    first, *others = split.photos
    odd = dataclasses.replace(
        split, photos=(dataclasses.replace(first, person=None), *others),
        captions=tuple(c for c in split.captions if c.person != first.person),
    )  # fmt: skip
    report = evaluate(Shades(), odd, direction="photo-to-text")
    assert report.card["queries_without_right_photo"] == 1
    assert report.metrics["rank-1"] == 100


def test_photo_to_text_is_not_re_ranked_and_no_other_direction_is_known(split) -> None:
    with pytest.raises(BadRecipe, match="leave it out of photo-to-text"):
        evaluate(Shades(), split, direction="photo-to-text", rerank=lambda ranking, _: ranking)
    with pytest.raises(BadRecipe, match="'sideways'; there are text-to-photo, photo-to-text"):
        evaluate(Shades(), split, direction="sideways")
    with pytest.raises(BadRecipe, match="'both'; there are standard, trapezoid"):
        evaluate(Shades(), split, ap="both")


def test_a_report_keeps_each_query_in_the_order_of_the_split(split) -> None:
    split = of_lengths(split)
    report = evaluate(Worded(), split, block=3)
    assert report.queries is not None
    assert report.queries["id"] == [caption.id for caption in split.captions]
    assert report.queries["person"] == [caption.person for caption in split.captions]
    share = sum(first == 1 for first in report.queries["first"]) / 20
    assert report.metrics["rank-1"] == pytest.approx(100 * share)
    assert report.metrics["mAP"] == pytest.approx(5 * sum(report.queries["ap"]), abs=1e-3)


def test_no_order_of_captions_and_photos_changes_a_number_of_a_report(split) -> None:
    split = of_lengths(split)
    turned = dataclasses.replace(split, photos=split.photos[::-1], captions=split.captions[::-1])
    one, other = (evaluate(Worded(), each, block=3) for each in (split, turned))
    assert (one.metrics, one.intervals, one.curves) == (
        other.metrics, other.intervals, other.curves,
    )  # fmt: skip
    assert one.card == other.card


def test_intervals_hold_the_metric_and_curves_count_every_pair(split) -> None:
    report = evaluate(Worded(), of_lengths(split))
    assert list(report.intervals) == list(report.metrics)
    for name, (low, high) in report.intervals.items():
        assert low <= report.metrics[name] <= high
    assert report.card["intervals"]["persons"] == 4
    assert report.curves is not None
    counts = report.curves["histogram"]
    assert (sum(counts["right"]), sum(counts["wrong"])) == (20, 60)


def test_without_drawings_only_metrics_and_card_are_made(split) -> None:
    whole, light = evaluate(Worded(), split), evaluate(Worded(), split, draws=0)
    assert light.metrics == whole.metrics
    assert light.card == {name: v for name, v in whole.card.items() if name != "intervals"}
    assert (light.intervals, light.queries, light.curves) == ({}, None, None)


def test_ties_are_counted_and_said_to_be_worth_something(split) -> None:
    class Blind(Shades):
        def similarity(self, texts, photos):
            return super().similarity(texts, photos) * 0

    report = evaluate(Blind(), split)
    assert report.metrics["rank-1"] == 0
    assert report.card["tied"] == {"queries": 20, "rank-1 if lucky": 100}
    assert evaluate(Shades(), split).card["tied"]["queries"] == 0


def test_one_query_and_one_photo_make_a_report_without_intervals(split) -> None:
    one = dataclasses.replace(split, photos=split.photos[:1], captions=split.captions[:1])
    report = evaluate(Shades(), one, direction="text-to-photo")
    assert report.metrics["R-Sum"] == 300
    assert report.intervals == {}
    assert report.curves is not None
    assert report.curves["roc"] == {}


def test_no_right_photo_at_all_is_refused_in_one_line(split) -> None:
    strangers = tuple(dataclasses.replace(c, person="nobody") for c in split.captions)
    odd = dataclasses.replace(split, captions=strangers)
    for direction in ("text-to-photo", "photo-to-text"):
        with pytest.raises(BadData, match=r"no query has a right .*; check the person ids"):
            evaluate(Shades(), odd, direction=direction)
