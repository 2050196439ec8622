"""BERT on a CPU: the tokens of all rows lie end to end, so nothing is padded and nothing masked.

The usual forward wants rows of one length. Notes seldom have one, so its batches are small or
padded, and a small product in bfloat16 spends its time on laying out the weights anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Attention weights computed at a time beside bfloat16: some three MB, which stay in the cache.
_WEIGHTS_AT_ONCE: Final = 1 << 19
# Rows that oneDNN is told to expect when it lays out weights; any number is computed.
_ROWS: Final = 1024
# Torch's own names; a torch without one of them reads the usual way.
_OPERATORS: Final = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A product in float32, with bias."""

    weight: Any
    bias: Any

    def __call__(self, rows: Any) -> Any:
        from torch.nn.functional import linear

        return linear(rows, self.weight, self.bias)

    def gelu(self, rows: Any) -> Any:
        from torch.nn.functional import gelu

        return gelu(self(rows))

    def plus(self, rows: Any, added: Any) -> Any:
        return self(rows).add_(added)


@dataclass(frozen=True, slots=True)
class _Packed:
    """The same in bfloat16 on weights that were laid out once, and what follows it in one go."""

    weight: Any
    bias: Any

    def __call__(self, rows: Any, then: str = "none") -> Any:
        product = _onednn()._linear_pointwise  # noqa: SLF001 - torch calls them so
        return product(rows, self.weight, self.bias, then, [], "none")

    def gelu(self, rows: Any) -> Any:
        return self(rows, "gelu")

    def plus(self, rows: Any, added: Any) -> Any:
        product = _onednn()._linear_pointwise.binary  # noqa: SLF001
        return product(rows, added, self.weight, self.bias, "add")


_Product = _Plain | _Packed


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Any
    bias: Any
    epsilon: float

    def __call__(self, rows: Any) -> Any:
        from torch.nn.functional import layer_norm

        return layer_norm(rows, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Queries, keys and values are one product; the queries hold the scale of the scores."""

    projections: _Product
    attended: _Product
    first_norm: _Norm
    inner: _Product
    outer: _Product
    last_norm: _Norm

    def __call__(self, mixed: Any, hidden: Any) -> Any:
        """What follows attention, each token by itself: (tokens, hidden)."""
        hidden = self.first_norm(self.attended.plus(mixed, hidden))
        return self.last_norm(self.outer.plus(self.inner.gelu(hidden), hidden))


class EndToEnd:
    """A merged BERT that labels tokens. Its weights are copied: later changes are not seen.

    Args:
        model: One that `fits`.
        dtype: "float32" or "bfloat16"; embeddings and head are float32.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        import torch

        self._dtype = getattr(torch, dtype)
        self._heads = model.config.num_attention_heads
        self._embeddings = model.bert.embeddings
        self._classifier = model.classifier
        with torch.no_grad():
            self._layers = [self._read_layer(layer) for layer in model.bert.encoder.layer]

    @staticmethod
    def fits(model: Any, dtype: str) -> bool:
        """Whether its forward is known here, and it lies on a CPU that has the precision."""
        from torch import nn
        from transformers import BertForTokenClassification
        from transformers.activations import GELUActivation

        if type(model) is not BertForTokenClassification or model.training:
            return False
        if dtype != "float32" and not _has_bfloat16():
            return False
        leaves = {type(one) for one in model.bert.encoder.modules() if not list(one.children())}
        known = {nn.Linear, nn.LayerNorm, nn.Dropout, GELUActivation}
        usual = not model.config.is_decoder and model.config.hidden_act == "gelu"
        return usual and leaves <= known and model.device.type == "cpu"

    def __call__(
        self, rows: Sequence[NDArray[np.int64]], asked: Sequence[NDArray[np.int64]]
    ) -> list[NDArray[np.float32]]:
        """How likely each label of the tokens asked about is: (asked, labels) of every row.

        Args:
            rows: Ids, special tokens included. The more of like length lie beside each other, the
                faster.
            asked: Places in each row, one at least.
        """
        import torch

        lengths = [len(row) for row in rows]
        starts = np.cumsum([0, *lengths[:-1]])
        ids = torch.from_numpy(np.concatenate(rows))[None]
        positions = torch.from_numpy(np.concatenate([np.arange(one) for one in lengths]))[None]
        places = [start + own for start, own in zip(starts, asked, strict=True)]
        wanted = torch.from_numpy(np.concatenate(places))
        *layers, last = self._layers
        with torch.inference_mode():
            hidden = self._embeddings(input_ids=ids, position_ids=positions)[0].to(self._dtype)
            for layer in layers:
                hidden = layer(self._attend(layer.projections(hidden), lengths), hidden)
            # Nothing looks at the other tokens any more.
            mixed = self._attend(last.projections(hidden), lengths)
            hidden = last(mixed[wanted], hidden[wanted])
            weights = torch.softmax(self._classifier(hidden.float()), dim=-1).numpy()
        return np.split(weights, np.cumsum([len(own) for own in asked])[:-1])

    def _attend(self, projected: Any, lengths: Sequence[int]) -> Any:
        """Tokens look at those of their own row: (tokens, hidden)."""
        import torch

        tokens, width = projected.shape
        split = projected.view(tokens, 3, self._heads, width // 3 // self._heads)
        found = torch.empty_like(split[:, 0])
        for start, count, length in _runs(lengths):
            end = start + count * length
            shape = (count, length, *split.shape[1:])
            query, key, value = split[start:end].view(shape).permute(2, 0, 3, 1, 4)
            mixed = _mix(query, key, value)
            found[start:end] = mixed.transpose(1, 2).flatten(0, 1)
        return found.flatten(1)

    def _read_layer(self, layer: Any) -> _Layer:
        one, attention = layer.attention.self, layer.attention.output
        scale = (one.query.out_features // self._heads) ** -0.5
        return _Layer(
            self._join((one.query, scale), (one.key, 1), (one.value, 1)),
            self._join((attention.dense, 1)),
            self._read_norm(attention.LayerNorm),
            self._join((layer.intermediate.dense, 1)),
            self._join((layer.output.dense, 1)),
            self._read_norm(layer.output.LayerNorm),
        )

    def _join(self, *linears: tuple[Any, float]) -> _Product:
        import torch

        weight = torch.cat([one.weight * scale for one, scale in linears]).to(self._dtype)
        bias = torch.cat([one.bias * scale for one, scale in linears]).to(self._dtype)
        if self._dtype == torch.float32:
            return _Plain(weight, bias)
        laid_out = _onednn()._reorder_linear_weight(weight, _ROWS)  # noqa: SLF001
        return _Packed(laid_out, bias)

    def _read_norm(self, norm: Any) -> _Norm:
        return _Norm(norm.weight.to(self._dtype), norm.bias.to(self._dtype), norm.eps)


def _mix(queries: Any, keys: Any, values: Any) -> Any:
    """Attention: (rows, heads, tokens, width of a head) of each, and of what comes back.

    In bfloat16 without AMX torch's own is slower than two products and a softmax between them; and
    its softmax of bfloat16 takes twice the time of one in float32.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if queries.dtype == torch.float32:
        return scaled_dot_product_attention(queries, keys, values, scale=1.0)
    shape = queries.shape
    queries, keys, values = (part.flatten(0, 1) for part in (queries, keys, values))
    mixed = torch.empty_like(queries)
    size = max(1, _WEIGHTS_AT_ONCE // queries.shape[1] ** 2)
    for start in range(0, len(queries), size):
        some = slice(start, start + size)
        scores = torch.bmm(queries[some], keys[some].transpose(1, 2))
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(scores.dtype)
        torch.bmm(weights, values[some], out=mixed[some])
    return mixed.view(shape)


def _has_bfloat16() -> bool:
    import torch

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not all(hasattr(_onednn(), name) for name in _OPERATORS):
        return False
    return bool(_onednn()._is_mkldnn_bf16_supported())  # noqa: SLF001


def _onednn() -> Any:
    """The operators of torch's that oneDNN computes."""
    import torch

    return torch.ops.mkldnn


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours of one length: the first's first token, how many there are, their length."""
    start = 0
    for length, group in groupby(lengths):
        count = len(list(group))
        yield start, count, length
        start += count * length
