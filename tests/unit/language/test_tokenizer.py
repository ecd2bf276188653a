"""Tokenizers: checked when read, deterministic when trained, and honest about what they read."""

import pytest

from passerby.errors import BadModel
from passerby.language.tokenizer import read_tokenizer, train_wordpiece

CAPTIONS = ["A man in a red shirt.", "A woman in a red coat, with a bag", "a man with a bag"] * 3


def test_words_of_the_captions_are_entries_and_strange_words_are_pieces() -> None:
    tokenizer = train_wordpiece(CAPTIONS, 500)
    ids, mask = tokenizer.encode(["a red shirt", "a vermilion shirt worn"], 20)
    assert mask.sum(1).tolist() == [5, int(mask.sum(1)[1])]
    assert tokenizer.unknown not in ids
    assert mask.sum(1)[1] > 6


def test_training_again_gives_the_same_entries() -> None:
    first, second = (train_wordpiece(CAPTIONS, 80) for _ in "ab")
    assert first.rules.get_vocab() == second.rules.get_vocab()
    assert len(first) <= 80


def test_a_long_text_keeps_its_beginning_and_its_closing_token() -> None:
    tokenizer = train_wordpiece(CAPTIONS, 500)
    whole, _ = tokenizer.encode(["a man " * 20], 100)
    cut, mask = tokenizer.encode(["a man " * 20], 10)
    assert cut.shape == (1, 10)
    assert cut[0, :9].tolist() == whole[0, :9].tolist()
    assert cut[0, -1] == whole[0, -1]
    assert mask.all()


def test_it_says_what_was_cut_and_which_words_are_unknown() -> None:
    tokenizer = train_wordpiece(CAPTIONS, 500)
    assert tokenizer.notes("A man in a red coat", 20) == []
    assert tokenizer.notes("A man, in a red-coat!", 20) == []
    assert "reads the first 5" in tokenizer.notes("a man in a red coat", 5)[0]
    assert "zebra" in tokenizer.notes("a man with a zebra", 20)[0]


def test_words_of_other_scripts_are_unknown_and_said_whole() -> None:
    tokenizer = train_wordpiece(CAPTIONS, 500)
    assert "красное, пальто" in tokenizer.notes("красное пальто", 20)[0]
    assert "红, 色" in tokenizer.notes("红色", 20)[0]
    assert "senora" in tokenizer.notes("a señora in a red coat", 20)[0]
    assert tokenizer.notes("a mán in a réd coat", 20) == []  # read without accents


def test_a_saved_tokenizer_reads_the_same(tmp_path) -> None:
    tokenizer = train_wordpiece(CAPTIONS, 500)
    tokenizer.save(tmp_path)
    again = read_tokenizer(tmp_path)
    assert again.words == tokenizer.words
    assert again.encode(CAPTIONS, 30)[0].equal(tokenizer.encode(CAPTIONS, 30)[0])


def test_a_vocabulary_file_of_bert_is_read(tmp_path) -> None:
    from transformers import BertConfig

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        "man",
        "red",
    ]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertConfig(vocab_size=len(words)).save_pretrained(tmp_path)
    ids, _ = read_tokenizer(tmp_path).encode(["A red man"], 9)
    assert ids.tolist() == [[2, 5, 32, 31, 3]]


def test_an_empty_tokenizer_is_refused(tmp_path) -> None:
    """transformers makes one of five entries, without a word, where the vocabulary is missing."""
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(BadModel):
        read_tokenizer(tmp_path)


def test_a_damaged_tokenizer_file_is_refused(tmp_path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": ')
    with pytest.raises(BadModel, match="no tokenizer at"):
        read_tokenizer(tmp_path)
