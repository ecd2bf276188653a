"""Hidden words: whole ones, a share of them, few tokens, the same for the same random numbers."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Rules
from tokenizers import models

from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import Tokenizer, train_wordpiece
from passerby.language.word_masking import IGNORED, Cloze, WordMasking

CAPTIONS = [
    "A man in a red shirt walks with a large brown bag over his left shoulder.",
    "A woman in a vermilion coat",
    "cap",
    "",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_wordpiece(CAPTIONS[:2] * 3, 500, seen=6)


def rngs(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, number]) for number in range(count)]


def test_a_word_keeps_its_pieces_together(tokenizer) -> None:
    (words,) = tokenizer.worded(["a man, vermilion zzyx"])
    assert [token for word in words for token in word] == tokenizer.pieces(
        ["a man, vermilion zzyx"]
    )[0]
    assert len(words) == 5
    assert len(words[-1]) == 4


def test_words_are_hidden_whole_and_a_quarter_of_them() -> None:
    sizes = [1, 3, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1]
    words = [[100 * number + piece for piece in range(size)] for number, size in enumerate(sizes)]
    for rng in rngs(200):
        read, labels = WordMasking(hidden=1.0, changed=0.0).masked(words, 7, [8], rng)
        flat = [token for word in words for token in word]
        assert [r if a == IGNORED else a for r, a in zip(read, labels, strict=True)] == flat
        gone = Counter(label // 100 for label in labels if label != IGNORED)
        assert len(gone) == 3
        assert all(count == sizes[word] for word, count in gone.items())
        assert all((r == 7) == (a != IGNORED) for r, a in zip(read, labels, strict=True))


def test_no_more_tokens_are_hidden_than_the_most_and_one_word_at_least() -> None:
    masking = WordMasking()
    for rng in rngs(100):
        assert len(masking.chosen([1] * 49, rng)) == 8
        assert sum([5, 6, 4, 9][w] for w in WordMasking(1.0).chosen([5, 6, 4, 9], rng)) <= 8
        assert masking.chosen([1], rng) == {0}
        assert masking.chosen([], rng) == masking.chosen([9], rng) == set()


def test_every_word_is_hidden_as_often_as_another() -> None:
    seen = Counter(w for rng in rngs(4000) for w in WordMasking(spans=0.0).chosen([1] * 12, rng))
    assert all(abs(seen[word] / 4000 - 0.25) < 0.03 for word in range(12))


def test_spans_are_two_or_three_words_side_by_side() -> None:
    lengths = Counter()
    for rng in rngs(2000):
        found = sorted(WordMasking(0.15, spans=1.0).chosen([1] * 20, rng))  # three words
        lengths[sum(b - a == 1 for a, b in pairwise(found))] += 1
    assert lengths[2] > 800  # a span of three, or one of two and its neighbour
    assert lengths[1] > 600
    assert lengths[0] < 100  # both cut short by the end of the text
    alone = [WordMasking(0.1, spans=0.2).chosen([1] * 20, rng) for rng in rngs(3000)]
    together = sum(max(found) - min(found) == 1 for found in alone) / 3000
    assert together == pytest.approx(0.19 + 0.8 * 0.1, abs=0.03)


def test_hidden_tokens_read_mask_or_another_entry_or_as_they_are() -> None:
    words, shown = [[token] for token in range(100, 110)], Counter()
    for rng in rngs(2000):
        read, labels = WordMasking(0.4).masked(words, 7, [8, 9], rng)
        for token, label in zip(read, labels, strict=True):
            if label != IGNORED:
                shown["mask" if token == 7 else "same" if token == label else token] += 1
    whole = sum(shown.values())
    assert shown["mask"] / whole == pytest.approx(0.8, abs=0.02)
    assert shown["same"] / whole == pytest.approx(0.1, abs=0.02)
    assert shown[8] / whole == pytest.approx(0.05, abs=0.01)
    assert shown[9] / whole == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("closed", [True, False])
def test_captions_come_whole_and_hidden_with_labels_where_they_differ(tokenizer, closed) -> None:
    made = Cloze(tokenizer, WordMasking(), closed=closed).draw(CAPTIONS, rngs(4))
    whole, mask = tokenizer.encode(CAPTIONS, 50)
    kept = mask.sum(1) if closed else mask.sum(1) - 1
    assert made.mask.sum(1).tolist() == kept.tolist()
    for row, count in enumerate(kept.tolist()):
        assert made.ids[row, :count].tolist() == whole[row, :count].tolist()
    asked = made.labels != IGNORED
    assert not asked[made.mask == 0].any()
    assert not asked[:, 0].any()
    assert torch.equal(torch.where(asked, made.labels, made.masked_ids), made.ids)
    assert asked.any(1).tolist() == [True, True, True, False]


def test_a_long_caption_is_cut_to_fifty_words_and_fifty_tokens(tokenizer) -> None:
    made = Cloze(tokenizer, None).draw(["a man\n\n " * 40, "zzyxq " * 40], rngs(2))
    assert made.ids.shape == (2, 50)
    assert made.ids[:, -1].tolist() == [tokenizer.ends[1]] * 2
    assert "labels" not in made
    assert Cloze(tokenizer, None, tokens=200).draw(["a " * 60], rngs(1)).ids.shape == (1, 52)


def test_the_same_random_numbers_hide_the_same_words_whatever_the_company(tokenizer) -> None:
    cloze = Cloze(tokenizer, WordMasking())
    together, alone = cloze.draw(CAPTIONS, rngs(4)), cloze.draw(CAPTIONS[1:2], rngs(4)[1:2])
    width = alone.ids.shape[1]
    for name, tensor in alone.tensors.items():
        assert torch.equal(tensor[0], together.tensors[name][1, :width])
    other = cloze.draw(CAPTIONS, rngs(4, seed=1))
    assert not torch.equal(other.labels, together.labels)


def test_what_takes_a_words_place_is_a_word(tokenizer) -> None:
    marks = {tokenizer.pad, tokenizer.unknown, tokenizer.mask_id, *tokenizer.ends}
    assert len(tokenizer.plain) == len(tokenizer) - 5
    assert not marks & set(tokenizer.plain)


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    rules = Rules(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    with pytest.raises(BadModel, match=r"no \[MASK\]"):
        _ = Tokenizer(rules).mask_id


@pytest.mark.parametrize(
    "settings", [{"share": 1.5}, {"spans": -0.1}, {"hidden": 0.95}, {"most": 0}]
)
def test_settings_out_of_range_are_refused(settings) -> None:
    with pytest.raises(BadRecipe, match=r"from 0 to 1|1 or more"):
        WordMasking(**settings)
