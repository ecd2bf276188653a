"""Text encoders: thin adapters over transformers that give token features and a pooled vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec, choose, configure, read_source, settings, untrained
from passerby.encoders.weights import described, inherited, pretrained
from passerby.errors import BadModel


@dataclass(frozen=True)
class TextFeatures:
    """tokens: (T, L, C). pooled: (T, C), the encoder's own summary ([CLS] or end of text)."""

    tokens: Tensor
    pooled: Tensor


class TextEncoder(nn.Module):
    """An encoder of token ids; `width` is C, `vocabulary` the ids it knows, `length` the most."""

    def __init__(self, model: Any, spec: EncoderSpec) -> None:
        super().__init__()
        config = model.config
        self.model, self.width = model, config.hidden_size
        self.vocabulary, self.length = config.vocab_size, config.max_position_embeddings
        self.spec = EncoderSpec(spec.kind, "", settings(config))

    def forward(self, ids: Tensor, mask: Tensor) -> TextFeatures:
        """ids, mask: int64 (T, L); mask is 1 on real tokens. An encoder that looks both ways also
        takes a mask (T, L, L), 1 where the token of a row may look at that of a column.
        """
        raise NotImplementedError

    def fits(self, tokens: int) -> None:
        """Raises BadModel when a tokenizer of `tokens` entries does not go with these weights."""
        check_vocabulary(tokens, self.vocabulary)


class Bert(TextEncoder):
    """Pooled is the output at [CLS]."""

    def forward(self, ids: Tensor, mask: Tensor) -> TextFeatures:
        if mask.ndim == 3:
            mask = self._looks(mask.bool())
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return TextFeatures(tokens, tokens[:, 0])

    def _looks(self, allowed: Tensor) -> Tensor:
        """(T, L, L) as transformers takes it: (T, 1, L, L), booleans for SDPA, else to be added."""
        if self.model.config._attn_implementation == "sdpa":
            return allowed[:, None]
        scores = torch.zeros(allowed.shape, device=allowed.device)
        return scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)[:, None]


class ClipText(TextEncoder):
    """Pooled is the output at the end-of-text token."""

    def forward(self, ids: Tensor, mask: Tensor) -> TextFeatures:
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        # Not transformers' pooling, which looks for the id of CLIP's own closing token: a tokenizer
        # trained here has another one, and every sentence would be pooled at its first place.
        last = mask.sum(1) - 1
        return TextFeatures(tokens, tokens[torch.arange(len(ids), device=ids.device), last])


def check_vocabulary(tokens: int, vocabulary: int) -> None:
    """Raises BadModel when a tokenizer of `tokens` entries is not that of a text encoder with a
    `vocabulary` of ids.
    """
    if tokens > vocabulary or tokens < 0.5 * vocabulary:
        raise BadModel(
            f"the tokenizer has {tokens} entries, the text encoder {vocabulary}; "
            "take both from the same folder"
        )


def text_encoder(spec: EncoderSpec, vocabulary: int | None = None) -> TextEncoder:
    """An encoder of texts; vocabulary: entries of the tokenizer, its ids if it starts from nothing.

    Raises BadRecipe for an unknown kind or setting, BadModel when the source gives no weights or
    the tokenizer does not go with them.
    """
    from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel

    kinds = {
        "bert": (BertConfig, BertModel, Bert),
        "clip-text": (CLIPTextConfig, CLIPTextModel, ClipText),
    }
    config_class, model_class, adapter = choose(kinds, spec.kind, "text")
    extra = {"add_pooling_layer": False} if spec.kind == "bert" else {}
    if described(spec.source):
        model = inherited(spec, "text_encoder", config_class, model_class, **extra)
    elif spec.source:
        config = read_source(spec, config_class)
        model = pretrained(model_class, spec.source, config=config, **extra)
    else:
        own = {} if vocabulary is None else {"vocab_size": vocabulary}
        model = untrained(model_class, configure(config_class, {**own, **spec.options}), **extra)
    encoder = adapter(model, spec)
    if vocabulary is not None:
        encoder.fits(vocabulary)
    return encoder
