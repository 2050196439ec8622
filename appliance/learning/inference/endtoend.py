"""BERT on a CPU: the tokens of all rows lie end to end, so nothing is padded and nothing masked.

The usual forward wants rows of one length. Notes seldom have one, so its batches are small or
padded, and a small product in bfloat16 spends its time on laying out the weights anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weight and bias of every product of a layer, in its precision; norms as they are."""

    projections: tuple[Any, Any]
    attended: tuple[Any, Any]
    first_norm: Any
    inner: tuple[Any, Any]
    outer: tuple[Any, Any]
    last_norm: Any


class EndToEnd:
    """A merged BERT that labels tokens. Its weights are copied: later changes are not seen.

    Args:
        model: One that `fits`.
        dtype: "float32" or "bfloat16", of the matrix products and of attention; what is added up
            from layer to layer, the norms and the head are float32.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        import torch

        self._dtype = getattr(torch, dtype)
        self._heads = model.config.num_attention_heads
        self._embeddings = model.bert.embeddings
        self._classifier = model.classifier
        self._layers = [self._read_layer(layer) for layer in model.bert.encoder.layer]

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether the model is one whose forward is known here, on a CPU."""
        from torch import nn
        from transformers import BertForTokenClassification
        from transformers.activations import GELUActivation

        if type(model) is not BertForTokenClassification or model.training:
            return False
        leaves = {type(one) for one in model.bert.encoder.modules() if not list(one.children())}
        known = {nn.Linear, nn.LayerNorm, nn.Dropout, GELUActivation}
        usual = not model.config.is_decoder and model.config.hidden_act == "gelu"
        return usual and leaves <= known and model.device.type == "cpu"

    def __call__(self, rows: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """How likely each label of each token is: (tokens, labels) of every row, in order.

        Args:
            rows: Ids, special tokens included. The more of like length lie beside each other, the
                faster.
        """
        import torch
        from torch.nn import functional

        lengths = [len(row) for row in rows]
        ids = torch.from_numpy(np.concatenate(rows))[None]
        positions = torch.from_numpy(np.concatenate([np.arange(one) for one in lengths]))[None]
        with torch.inference_mode():
            sums = self._embeddings(input_ids=ids, position_ids=positions)[0]
            for layer in self._layers:
                mixed = self._attend(self._product(sums, layer.projections), lengths)
                sums = layer.first_norm(sums + self._product(mixed, layer.attended))
                inner = functional.gelu(self._product(sums, layer.inner))
                sums = layer.last_norm(sums + self._product(inner, layer.outer))
            weights = torch.softmax(self._classifier(sums), dim=-1).numpy()
        return np.split(weights, np.cumsum(lengths)[:-1])

    def _product(self, values: Any, weights: tuple[Any, Any]) -> Any:
        from torch.nn import functional

        return functional.linear(values.to(self._dtype), *weights)

    def _attend(self, projected: Any, lengths: Sequence[int]) -> Any:
        """Tokens look at those of their own row: (tokens, hidden)."""
        import torch
        from torch.nn import functional

        tokens, width = projected.shape
        split = projected.view(tokens, 3, self._heads, width // 3 // self._heads)
        found = torch.empty_like(split[:, 0])
        for start, count, length in _runs(lengths):
            end = start + count * length
            shape = (count, length, *split.shape[1:])
            query, key, value = split[start:end].view(shape).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(query, key, value)
            found[start:end] = mixed.transpose(1, 2).flatten(0, 1)
        return found.flatten(1)

    def _read_layer(self, layer: Any) -> _Layer:
        one, attention = layer.attention.self, layer.attention.output
        return _Layer(
            self._join(one.query, one.key, one.value),
            self._join(attention.dense),
            attention.LayerNorm,
            self._join(layer.intermediate.dense),
            self._join(layer.output.dense),
            layer.output.LayerNorm,
        )

    def _join(self, *linears: Any) -> tuple[Any, Any]:
        import torch

        return (
            torch.cat([one.weight.detach() for one in linears]).to(self._dtype),
            torch.cat([one.bias.detach() for one in linears]).to(self._dtype),
        )


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours of one length: the first's first token, how many there are, their length."""
    start = 0
    for length, group in groupby(lengths):
        count = len(list(group))
        yield start, count, length
        start += count * length
