"""The BERT of a released checkpoint: its sizes, and whether a tokenizer belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from passerby.errors import BadModel
from passerby.language.tokenizer import Tokenizer
from passerby.released.container import count

BERT = "language_model.textExtractor."
POOLER = f"{BERT}pooler."  # stored, but nothing that the authors' code computes comes of it
WORDS = f"{BERT}embeddings.word_embeddings.weight"
PLACES = f"{BERT}embeddings.position_embeddings.weight"
SEGMENTS = f"{BERT}embeddings.token_type_embeddings.weight"
INNER = f"{BERT}encoder.layer.0.intermediate.dense.weight"
SIZED = dict.fromkeys((WORDS, PLACES, SEGMENTS, INNER), 2)  # what sizes are read off, its axes


def options(network: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings of transformers' BertConfig, read off the tensors that SIZED names."""
    return settings(network, SIZED, count(network, f"{BERT}encoder.layer."))


def settings(network: Mapping[str, Tensor], sized: Iterable[str], layers: int) -> dict[str, Any]:
    """The settings of a BERT of so many layers, read off the tensors that `sized` names in the
    order of SIZED.
    """
    words, places, segments, inner = (network[name] for name in sized)
    hidden = words.shape[1]
    return {
        "vocab_size": len(words),
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, hidden // 64),
        "intermediate_size": len(inner),
        "max_position_embeddings": len(places),
        "type_vocab_size": len(segments),
    }


def check_tokenizer(
    tokenizer: Tokenizer | None, network: Mapping[str, Tensor], where: str, table: str = WORDS
) -> None:
    """Raises BadModel for a tokenizer of another vocabulary, or one that does not end a text.

    table: the name of the checkpoint's words.
    """
    if tokenizer is None:
        return
    words = len(network[table])
    if len(tokenizer) != words:
        raise BadModel(
            f"the tokenizer has {len(tokenizer)} entries, the BERT of {where} {words}; take the "
            "one that it was trained with (bert-base-uncased)"
        )
    _ = tokenizer.ends  # raises, where it does not open and close a text
