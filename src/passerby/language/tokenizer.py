"""Tokenizers: read from a folder and checked, or trained as WordPiece on the captions at hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.errors import BadModel

# The parts of "t-shirt", as the tokenizer splits it; of Chinese, each sign.
WORD = re.compile(r"[^\W_]{2,}|[^\W\d_a-z]")
MARK = re.compile(r"\[[^\[\]]+\]|<[^<>]+>")
_BLOCK = 10_000  # texts that are counted at once
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Tokenizer:
    """Words to ids: `encode` gives ids and a mask.

    words: the words met in training, when the tokenizer was trained here; None says unknown.
    """

    def __init__(self, rules: Any, words: frozenset[str] | None = None) -> None:
        self.rules, self.words = rules, words
        self.rules.no_padding()
        self.rules.no_truncation()
        vocabulary = rules.get_vocab()
        self.pad = next(
            (vocabulary[p] for p in ("[PAD]", "<pad>", "<|endoftext|>") if p in vocabulary), 0
        )
        self.unknown = next((vocabulary[p] for p in ("[UNK]", "<unk>") if p in vocabulary), None)

    def __len__(self) -> int:
        return int(self.rules.get_vocab_size())

    def encode(self, texts: Sequence[str], longest: int) -> tuple[Tensor, Tensor]:
        """ids and mask, int64 (T, L), L the longest text but at most `longest` tokens.

        A longer text keeps its first tokens and its closing one.
        """
        rows = [e.ids for e in self.rules.encode_batch(list(texts))]
        return self.padded(
            [ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]] for ids in rows]
        )

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's words, without an opening and a closing token."""
        encoded = self.rules.encode_batch(list(texts), add_special_tokens=False)
        return [list(one.ids) for one in encoded]

    def worded(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """The same, word by word: the ids of a word's pieces stand together."""
        encoded = self.rules.encode_batch(list(texts), add_special_tokens=False)
        return [
            [[token for _, token in word] for _, word in groupby(pairs, key=itemgetter(0))]
            for pairs in (zip(one.word_ids, one.ids, strict=True) for one in encoded)
        ]

    def padded(self, rows: Sequence[Sequence[int]], width: int = 0) -> tuple[Tensor, Tensor]:
        """ids and mask, int64 (T, L), of rows of ids; L is the longest row, or `width` if more."""
        width = max(width, *(len(ids) for ids in rows))
        ids = torch.full((len(rows), width), self.pad, dtype=torch.int64)
        mask = torch.zeros((len(rows), width), dtype=torch.int64)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
            mask[row, : len(tokens)] = 1
        return ids, mask

    @property
    def ends(self) -> tuple[int, int]:
        """The ids of the opening and the closing token ([CLS] and [SEP]).

        Raises BadModel when the tokenizer adds none.
        """
        nothing = self.rules.encode("").ids
        if len(nothing) != 2:
            raise BadModel(
                "the tokenizer does not open and close a text with a token each ([CLS], [SEP]); "
                "take the one that belongs to the text encoder"
            )
        return nothing[0], nothing[1]

    @cached_property
    def mask_id(self) -> int:
        """The id of the token that stands for a hidden one. Raises BadModel when there is none."""
        vocabulary = self.rules.get_vocab()
        found = next((vocabulary[m] for m in ("[MASK]", "<mask>") if m in vocabulary), None)
        if found is None:
            raise BadModel(
                "the tokenizer has no [MASK], so no words can be hidden; take one that has, such "
                "as BERT's, or give the loss of hidden words weight 0"
            )
        return found

    @cached_property
    def plain(self) -> list[int]:
        """The ids of entries that stand for text: of none such as [PAD], [unused7] or <s>."""
        entries = self.rules.get_vocab().items()
        return sorted(place for entry, place in entries if not MARK.fullmatch(entry))

    def longer(self, texts: Sequence[str], longest: int) -> int:
        """How many of the texts have more than `longest` tokens."""
        return sum(
            len(one.ids) > longest
            for start in range(0, len(texts), _BLOCK)
            for one in self.rules.encode_batch(list(texts[start : start + _BLOCK]))
        )

    def left_out(self, texts: Sequence[str], longest: int) -> list[str]:
        """A line on how many texts lose their ends, where some do."""
        cut = self.longer(texts, longest)
        if not cut:
            return []
        return [f"the ends of {cut} of {len(texts)} captions, longer than {longest} tokens"]

    def notes(self, text: str, longest: int) -> list[str]:
        """What a user should know of how this text is read: cut, or with unknown words."""
        said = []
        tokens = self.rules.encode(text).ids
        if len(tokens) > longest:
            said.append(
                f"the sentence has {len(tokens)} tokens, the model reads the first {longest}; "
                "the rest was not used: shorten it"
            )
        if strange := self.strange(text):
            shown = ", ".join(word[:40] for word in strange[:8]) + (
                f" and {len(strange) - 8} more" if len(strange) > 8 else ""
            )
            said.append(
                f"words the model has not met in training: {shown}; try other words for them"
            )
        return said

    def strange(self, text: str) -> list[str]:
        """Words that were not met in training, in lower case, once each."""
        normalizer = self.rules.normalizer  # lower case and, most often, no accents
        read = text if normalizer is None else normalizer.normalize_str(text)
        words = dict.fromkeys(WORD.findall(read.lower()))
        if self.words is not None:
            return [word for word in words if word not in self.words]
        return [word for word in words if self.unknown in self.rules.encode(word).ids]

    def save(self, folder: Path) -> None:
        self.rules.save(str(folder / "tokenizer.json"))
        if self.words is not None:
            (folder / "words.txt").write_text(
                "\n".join(sorted(self.words)) + "\n", encoding="utf-8"
            )


def needed(tokenizer: Tokenizer | None, tensors: str = "ids=..., mask=...") -> Tokenizer:
    """The tokenizer. Raises BadModel where a model has none, saying which `tensors` do without."""
    if tokenizer is None:
        raise BadModel(
            "this model has no tokenizer; put a tokenizer.json into its folder, or make "
            f"Texts({tensors}) yourself"
        )
    return tokenizer


def read_tokenizer(source: str | Path) -> Tokenizer:
    """The tokenizer of a model folder or a transformers folder or hub name.

    Raises BadModel when there is none or when it is empty: transformers builds a tokenizer of two
    to five entries, silently, where it finds no vocabulary.
    """
    from tokenizers import Tokenizer as Rules

    file = Path(source) / "tokenizer.json"
    try:
        if file.is_file():
            rules = Rules.from_file(str(file))
        else:
            from transformers import AutoTokenizer

            rules = AutoTokenizer.from_pretrained(str(source)).backend_tokenizer
    except Exception as error:  # tokenizers raises plain Exception for a file it cannot parse
        reason = " ".join(str(error).split())[:120]
        raise BadModel(
            f"no tokenizer at {source} ({reason}); put its tokenizer.json there, or, if it is "
            f"a hub name and this machine is offline, run `hf download {source} --local-dir "
            "FOLDER` elsewhere"
        ) from None
    tokenizer = Tokenizer(rules, _read_words(Path(source) / "words.txt"))
    if len(tokenizer) < 32:
        raise BadModel(
            f"the tokenizer at {source} has {len(tokenizer)} entries, so its vocabulary is "
            "missing; put tokenizer.json or vocab.txt there"
        )
    return tokenizer


def train_wordpiece(captions: Iterable[str], size: int, seen: int = 2) -> Tokenizer:
    """A lower-case WordPiece tokenizer whose words are the most frequent ones of the captions.

    size: entries at most. seen: how often a word must occur to be an entry of its own. Every letter
    is an entry too (as a first and as a later piece), and so are frequent word endings, so that a
    word never met is read as pieces. Deterministic, unlike the merges of a trained vocabulary, in
    which equal counts are settled by hash order.
    """
    from tokenizers import Tokenizer as Rules
    from tokenizers import models, normalizers, pre_tokenizers, processors

    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for caption in captions:
        pieces = splitter.pre_tokenize_str(normalizer.normalize_str(caption))
        counts.update(piece for piece, _ in pieces)
    entries = dict.fromkeys(SPECIAL)
    letters = sorted(
        {letter for word in counts for letter in word} | set("abcdefghijklmnopqrstuvwxyz")
    )
    entries |= dict.fromkeys([*letters, *(f"##{letter}" for letter in letters)])
    endings: Counter[str] = Counter()
    for word, count in counts.items():
        endings.update({f"##{word[-n:]}": count for n in range(2, min(6, len(word)))})
    common = sorted(counts, key=lambda word: (-counts[word], word))
    room = max(size - len(entries), 0)
    tails = sorted(endings, key=lambda tail: (-endings[tail], tail))[: room // 8]
    entries |= dict.fromkeys([w for w in common if counts[w] >= seen][: room - len(tails)])
    entries |= dict.fromkeys(tails)
    vocabulary = {entry: place for place, entry in enumerate(entries)}
    rules = Rules(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=64))
    rules.normalizer, rules.pre_tokenizer = normalizer, splitter
    rules.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    words = frozenset(
        found for word in counts if counts[word] >= seen for found in WORD.findall(word)
    )
    return Tokenizer(rules, words)


def _read_words(file: Path) -> frozenset[str] | None:
    try:
        return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else None
    except ValueError:
        raise BadModel(f"{file} is not UTF-8; copy the model folder again") from None
