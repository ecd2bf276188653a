"""Captions are cut at stops and commas, cleanly or as the released NAFS cuts them."""

import pytest
import torch

from passerby.language.scales import Scales, locality
from passerby.language.sentences import DELIMITERS, literal_parts, sub_sentences
from passerby.language.tokenizer import train_wordpiece

CAPTION = "A man walks. He wears a red coat, and a hat; no bag!"
TOKENIZER = train_wordpiece([CAPTION, "a b c d e f g h"] * 2, 400, 1)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (CAPTION, ["A man walks", "He wears a red coat", "and a hat", "no bag"]),
        ("a woman in red", ["a woman in red"]),
        ("Hat.Coat", ["Hat", "Coat"]),
        (" , . a ,, b . ", ["a", "b"]),
        ("...", []),
        ("a man,\u00a0", ["a man"]),
        ("", []),
    ],
)
def test_clean_parts_are_stripped_and_never_empty(text: str, parts: list[str]) -> None:
    assert sub_sentences(text) == parts


def test_kept_delimiters_stay_with_the_part_they_end_and_no_word_is_lost() -> None:
    assert sub_sentences(CAPTION, keep=True) == [
        "A man walks.", "He wears a red coat,", "and a hat;", "no bag!"
    ]  # fmt: skip
    assert sub_sentences("a?! b", keep=True) == ["a?!", "b"]
    assert "".join(sub_sentences("., x . y", keep=True)).replace(" ", "") == ".,x.y"


def test_literal_parts_keep_blanks_and_empties_and_miss_what_is_not_there() -> None:
    assert literal_parts("A man walking.", 2) == ["A man walking", ""]
    assert literal_parts("a, b; c", 2) == ["a", " b"]
    assert literal_parts("a woman", 2) == ["a woman", None]
    assert literal_parts("...", 2) == ["", ""]


def scales(**changes) -> Scales:
    return Scales(**{"tokenizer": TOKENIZER, "length": 20, "parts": 2, "delimiters": DELIMITERS,
                     **changes})  # fmt: skip


def test_a_missing_part_has_no_token_and_a_literal_one_is_pad() -> None:
    first, last = TOKENIZER.ends
    clean = scales().separate(["a woman", CAPTION])
    assert clean.part_mask.sum(2).tolist()[0][1] == 0
    assert clean.part_ids.shape[:2] == (2, 2)
    literal = scales(literal=True).separate(["a woman", "a woman."])
    assert literal.part_ids[0, 1, :3].tolist() == [first, TOKENIZER.pad, last]
    assert literal.part_mask[0, 1].sum() == 3
    assert literal.part_ids[1, 1, :2].tolist() == [first, last]
    assert literal.part_mask[1, 1].sum() == 2


def test_a_long_caption_keeps_its_end_and_loses_it_literally() -> None:
    _, last = TOKENIZER.ends
    long = "a " * 1000
    ids, mask = scales().plain([long])
    assert ids.shape == (1, 20)
    assert ids[0, -1] == last
    literal, _ = scales(literal=True).plain([long])
    assert literal.shape == (1, 20)
    assert literal[0, -1] != last
    assert mask.all()


def test_marked_sentences_hold_every_word_once_and_a_head_before_each_part() -> None:
    first, last = TOKENIZER.ends
    texts = scales(length=60).masked([CAPTION, "...", "a b"])
    ids, part = texts.ids[0][texts.mask[0] > 0], texts.part[0][texts.mask[0] > 0]
    assert ids[part >= 0].tolist() == [first, *TOKENIZER.pieces([CAPTION])[0], last]
    assert (ids[part < 0] == first).all()
    assert [int(p) for p in part if p < 0] == [-1, -2, -3, -4]
    assert texts.mask.sum(1).tolist()[2] == 5
    assert texts.part[1].tolist()[:5] == [0, 0, 0, 0, 0]  # stops alone are no sub-sentence
    cut = scales(length=9).masked([CAPTION * 50])
    assert cut.ids.shape == (1, 9)
    assert cut.ids[0, -1] == last


def test_locality_lets_each_token_see_what_the_figure_draws() -> None:
    part = torch.tensor([[0, -1, 1, 1, -2, 2, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1, 0]])
    sees = [[j for j in range(8) if row[j]] for row in locality(part, mask)[0]]
    assert sees[0] == [0, 1, 2, 3, 4, 5, 6]  # the sentence's [CLS]: everything
    assert sees[1] == [1, 2, 3]  # a part's [CLS]: itself and its own words
    assert sees[4] == [4, 5]
    assert sees[2] == sees[5] == sees[6] == [0, 2, 3, 5, 6]  # words: words, [SEP], the [CLS]
    assert sees[7] == [0, 2, 3, 5, 6, 7]  # padding sees itself, so that no row is empty


def test_notes_say_what_is_cut_and_what_is_one_part() -> None:
    said = scales().notes("a b c " * 300, masked=False)
    assert any("the model reads the first 20" in note for note in said)
    assert any("one part" in note for note in said)
    assert any("no words" in note for note in scales().notes("...", masked=True))
    (cut,) = (n for n in scales(length=12).notes("a, b, c, " * 20, masked=True) if "reads" in n)
    assert "the model reads the first 8" in cut  # twelve without the four [CLS] of parts
    assert not any("part" in note for note in scales(length=90).notes(CAPTION, masked=True))
