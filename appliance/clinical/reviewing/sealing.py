"""Pages and decisions of a review: sealed under its key, each for its own use and queue."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.records.identifiers import Digest
from appliance.records.reviews import Decision, Queue, QueueItem
from appliance.records.spans import Span

# NIST SP 800-38D, 8.2.2; the other side is in `notes_page.js`.
_NONCE_BYTES: Final = 12
_PAGE: Final = "appliance review page v1"
_DECISIONS: Final = "appliance review decisions v1"
_HELP: Final = "Name the file that the page of this review saved, as it saved it."
# A person reads for minutes, not for days; more is a clock that was changed.
_LONGEST_S: Final = 86_400.0


def _is_instant(written: str) -> str:
    datetime.fromisoformat(written)
    return written


_Label = Annotated[str, Field(max_length=200)]
# As `Date.prototype.toISOString` writes it.
_Instant = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"),
    AfterValidator(_is_instant),
]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, frozen=True, allow_inf_nan=False
    )


class _File(_Strict):
    review: Annotated[str, Field(max_length=64)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sealed: str


class _Decided(_Strict):
    spans: tuple[tuple[int, int, _Label], ...]
    seconds: Annotated[float, Field(ge=0, le=_LONGEST_S)]
    at: _Instant


class _Body(_Strict):
    items: dict[str, _Decided]


def key_in_words(key: bytes) -> str:
    """The key as it is shown, and typed into the page: base64url without its end."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def seal_page(document: Mapping[str, Any], digest: Digest, key: bytes) -> str:
    """What is to be read, in base64, for the page of that queue alone."""
    return base64.b64encode(_seal(_PAGE, digest, key, json.dumps(document).encode())).decode()


def open_decisions(
    content: bytes, queue: Queue, key: bytes, by: str, taken_at: str
) -> tuple[dict[str, Decision], int]:
    """What was decided, by item; and how many items it has that the queue has no more.

    Args:
        content: Of the file that the page saved.
        queue: What was read.
        key: Of the review.
        by: Who hands it in.
        taken_at: When.

    Raises:
        BadInput: It is no such file, of another queue, not whole, or holds what can't be.
    """
    try:
        file = _File.model_validate_json(content)
        sealed = base64.b64decode(file.sealed, validate=True)
    except ValueError:
        raise BadInput("That file holds no decisions, or not all of its bytes.", _HELP) from None
    if (file.review, file.digest) != (queue.review, queue.digest):
        raise BadInput("The decisions were made on the page of another review.", _HELP)
    try:
        body = _Body.model_validate_json(_open(_DECISIONS, queue.digest, key, sealed))
    except (InvalidTag, ValidationError):
        raise BadInput("The decisions were cut short or changed.", _HELP) from None
    items = {item.item_id: item for item in queue.items}
    kept = {
        item_id: Decision(
            item_id, _spans(items[item_id], one, queue.labels), one.seconds, one.at, by, taken_at
        )
        for item_id, one in body.items.items()
        if item_id in items
    }
    return kept, len(body.items) - len(kept)


def _spans(item: QueueItem, decided: _Decided, labels: Sequence[str]) -> tuple[Span, ...]:
    try:
        spans = sorted(
            Span(item.start + start, item.start + end, label) for start, end, label in decided.spans
        )
    except ValueError:
        spans = []
    at = item.start
    for span in spans:
        if span.start < at or span.end > item.end or span.label not in labels:
            spans = []
            break
        at = span.end
    if len(spans) != len(decided.spans):
        raise BadInput(
            f"In {item.item_id} something is marked that can't be: beyond what was shown, over "
            "another mark, or with a label that the adapter does not know.",
            _HELP,
        )
    return tuple(spans)


def seal_decisions(document: Mapping[str, Any], queue: Queue, key: bytes) -> bytes:
    """A file as the page saves it."""
    sealed = _seal(_DECISIONS, queue.digest, key, json.dumps(document).encode())
    whole = {"review": queue.review, "digest": queue.digest}
    return json.dumps({**whole, "sealed": base64.b64encode(sealed).decode()}).encode()


def _seal(use: str, digest: Digest, key: bytes, content: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, _bound(use, digest))


def _open(use: str, digest: Digest, key: bytes, sealed: bytes) -> bytes:
    if len(sealed) <= _NONCE_BYTES:
        raise InvalidTag
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return AESGCM(key).decrypt(nonce, body, _bound(use, digest))


def _bound(use: str, digest: Digest) -> bytes:
    return f"{use} {digest}".encode()
