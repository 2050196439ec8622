"""An adapter's directory: weights, card, and the manifest that makes it whole.

SITE/adapters/NAME/adapter_model.safetensors   LoRA and head
SITE/adapters/NAME/adapter_config.json         PEFT's own
SITE/adapters/NAME/card.json                   `AdapterCard`, labels in the head's order
SITE/adapters/NAME/manifest.json               written last
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import is_finished, read_manifest, write_manifest
from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.errors import BadInput, Denied, ManifestMismatch
from appliance.records.cards import AdapterCard, HeadKind, PairTypes
from appliance.records.identifiers import Digest

WEIGHTS: Final = "adapter_model.safetensors"
_CARD: Final = "card.json"
KIND: Final = "adapter"
"""In an adapter's manifest."""


def write_adapter(directory: Path, card: AdapterCard, save: Callable[[Path], None]) -> Digest:
    """The adapter is at `directory`, whole; a reader never sees a part of it.

    Args:
        directory: Where it goes; an unfinished one there is replaced.
        card: Its datasheet.
        save: Writes weights and PEFT's configuration into the directory it is given.

    Returns:
        The digest of its manifest.

    Raises:
        BadInput: A finished adapter is there already.
        NoSpace: The disk is full; nothing is left behind.
    """
    refuse_finished(directory)
    draft = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    with disk_errors(directory):
        try:
            draft.mkdir(mode=0o700, parents=True)
            save(draft)
            body = json.dumps(dataclasses.asdict(card), indent=1, sort_keys=True) + "\n"
            write_atomically(draft / _CARD, body.encode())
            digest = write_manifest(draft, KIND).digest
            shutil.rmtree(directory, ignore_errors=True)
            draft.rename(directory)
            sync_directory(directory.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return digest


def read_adapter(directory: Path) -> tuple[AdapterCard, Digest]:
    """The card of a whole adapter and the digest of its manifest, every byte checked.

    Raises:
        BadInput: There is no such adapter.
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    if not directory.is_dir():
        raise BadInput(
            f"There is no adapter {directory.name!r}.", "Make it with `appliance train`."
        )
    manifest = read_manifest(directory, KIND)
    if not {WEIGHTS, _CARD} <= set(manifest.files):
        raise ManifestMismatch(
            f"Adapter {directory.name!r} lacks its weights or its card.", "Train it again."
        )
    try:
        raw: dict[str, Any] = json.loads((directory / _CARD).read_bytes())
        pairs = tuple(PairTypes(**pair) for pair in raw.get("pairs", ()))
        kind = HeadKind(raw.get("kind", HeadKind.ENTITIES))
        card = AdapterCard(**{**raw, "labels": tuple(raw["labels"]), "pairs": pairs, "kind": kind})
    except (ValueError, TypeError, KeyError):
        raise ManifestMismatch(
            f"Adapter {directory.name!r}: its card is unreadable.", "Train it again."
        ) from None
    return card, manifest.digest


def may_remember_notes(directory: Path) -> bool:
    """Whether its card says that it was derived from notes, or can't be read; no weight is."""
    try:
        return bool(json.loads((directory / _CARD).read_bytes())["site_only"])
    except (OSError, ValueError, TypeError, KeyError):
        return True


def refuse_finished(directory: Path) -> None:
    """No finished adapter is at `directory`.

    Raises:
        BadInput: There is one.
    """
    if is_finished(directory):
        raise BadInput(
            f"There is an adapter {directory.name!r} already.",
            "Name another with --out, or remove that directory.",
        )


def refuse_site_only(card: AdapterCard) -> None:
    """The adapter was trained on invented text alone and may be taken away from the site.

    Every way out of the site asks this first.

    Raises:
        Denied: It was derived from real notes, and could give them away.
    """
    if card.site_only:
        raise Denied(
            f"Adapter {card.name!r} was derived from notes: it never leaves the site.",
            "Train one on invented text.",
        )


def require_kind(card: AdapterCard, wanted: HeadKind) -> None:
    """The adapter decides what is wanted of it.

    Raises:
        BadInput: It finds entities where pairs are to be labelled, or the other way round.
    """
    if card.kind is wanted:
        return
    if card.kind is HeadKind.RELATIONS:
        raise BadInput(
            f"Adapter {card.name!r} labels pairs of entities and finds none itself.",
            "Name an adapter of entities; score this one on gold pairs with `appliance evaluate`.",
        )
    raise BadInput(
        f"Adapter {card.name!r} finds entities and labels no pairs.",
        "Name an adapter trained on a corpus of a sheet that teaches a relation.",
    )
