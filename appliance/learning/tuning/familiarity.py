"""How familiar an adapter is with texts: the likelihood that it gives to their own labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.learning.adapters import read_adapter
from appliance.learning.device import choose_device
from appliance.learning.inference.labeller import check_base
from appliance.learning.tokens.batches import plan_batches
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tokens.collating import collate
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.rows import IGNORED, Row, make_rows
from appliance.records.cards import HeadKind

_BATCH_TOKENS: Final = 4096


class Familiarity:
    """Scores labelled texts by an adapter.

    Args:
        model: Maps (rows, tokens) ids to (rows, tokens, labels) logits; already on its device.
        encoder: Its tokenizer.
        types: Entity types, in the head's order.
        max_tokens: Longest window, special tokens included.
    """

    def __init__(
        self, model: Any, encoder: Encoder, types: tuple[str, ...], max_tokens: int
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._types = types
        self._max_tokens = max_tokens

    @classmethod
    def load(cls, adapter: Path, base: Path, *, device: str) -> "Familiarity":
        """The adapter merged into its base model.

        Raises:
            BadInput: There is no such adapter, it labels no entities, or no such device.
            ManifestMismatch: Adapter or base model is not what was written.
        """
        card, _ = read_adapter(adapter)
        check_base(card, adapter.name, base, HeadKind.ENTITIES)
        place = choose_device(device)
        from appliance.learning.lora import load_adapted

        model = load_adapted(base, adapter, card.labels).to(place).eval()
        return cls(model, Encoder.load(base), entity_types(card.labels), card.max_tokens)

    def score(self, texts: Sequence[LabelledText]) -> list[float]:
        """Mean log-likelihood of each text's own labels over its words, in nats, at most 0.

        A text without a word has 0: nothing in it is unfamiliar.
        """
        # With full trust: a text that training had passed over is scored all the same.
        trusted = [LabelledText(text.text, text.spans) for text in texts]
        rows = make_rows(trusted, self._encoder, self._types, self._max_tokens)
        lengths = np.array([len(row.ids) for row in rows], dtype=np.int64) + self._encoder.specials
        found: list[list[float]] = [[] for _ in texts]
        for batch in plan_batches(lengths, _BATCH_TOKENS):
            chosen = [rows[at] for at in batch]
            for row, values in zip(chosen, self._of_rows(chosen), strict=True):
                found[row.example] += values
        return [float(np.mean(values)) if values else 0.0 for values in found]

    def _of_rows(self, rows: Sequence[Row]) -> list[list[float]]:
        """Of each row, what its words' own labels have."""
        import torch

        block = collate(self._encoder, [row.ids for row in rows])
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            logits = self._model(
                input_ids=torch.from_numpy(block.ids).to(device),
                attention_mask=torch.from_numpy(block.mask).to(device),
            ).logits
        logs = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
        return [
            [
                float(logs[number, at + block.offset, row.targets[at]])
                for at in np.flatnonzero(row.targets != IGNORED)
            ]
            for number, row in enumerate(rows)
        ]
