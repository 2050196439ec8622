"""Base models: brought in, listed, served."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import write_atomically
from appliance.errors import BackendUnavailable
from appliance.learning.basemodels.embedded import EMBEDDED
from appliance.learning.basemodels.store import BaseModel, ModelStore
from appliance.records.progress import Progress
from appliance.settings.service import read_service_manager
from appliance.settings.site import find_site
from appliance.workflows.site import open_site

_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """A model server that answers.

    Attributes:
        model: Name of the base model.
        base_url: Its OpenAI-compatible root, on loopback.
        key_file: Holds the key that requests must carry; 0600, gone when the server ends.
    """

    model: str
    base_url: str
    key_file: Path


def import_model(root: Path, source: Path, name: str, *, dry_run: bool = False) -> BaseModel | None:
    """A copy of the model is in the site's store under `name`; None after a dry run.

    Raises:
        BadInput: Not a usable model, or the name is taken.
        NoSpace: The disk is full; nothing is left behind.
    """
    site = open_site(root)
    if dry_run:
        ModelStore(site.paths.models).foresee(source, name)
        return None
    model = ModelStore(site.paths.models).import_directory(source, name)
    site.ledger.record("model.imported", {"name": model.name, "digest": model.digest})
    return model


def import_embedded(root: Path, *, dry_run: bool = False) -> list[str]:
    """The models that come with the product are in the site's store; the names of those put there.

    Commands that may write there do it on first use; a service that may not finds them then.

    Raises:
        NoSpace: The disk is full; nothing is left behind.
    """
    site = open_site(root)
    store = ModelStore(site.paths.models)
    missing = [name for name in EMBEDDED if store.digest_of(name) is None]
    for name in () if dry_run else missing:
        model = store.resolve(name)
        site.ledger.record("model.imported", {"name": model.name, "digest": model.digest})
    return missing


def list_models(root: Path) -> tuple[BaseModel, ...]:
    """Every base model of the store, sorted by name; embedded ones once they have been used.

    Raises:
        ManifestMismatch: A model is damaged.
    """
    return ModelStore(find_site(root).models).list()


def serve(
    root: Path, name: str | None, progress: Progress, announce: Callable[[Serving], None]
) -> None:
    """The model was served on loopback until Ctrl-C; no process of the server is left.

    Args:
        root: The site.
        name: A base model; None takes `vllm.model` of site.toml.
        progress: Told while the server starts.
        announce: Called once, when it answers.

    Raises:
        BackendUnavailable: It did not start, or ended by itself.
    """
    from appliance.gateway.notifying import Beat
    from appliance.synthesis.backends.vllm.engine import VllmEngine

    beat = Beat(read_service_manager())
    site = open_site(root)
    model = ModelStore(site.paths.models).resolve(name or site.settings.vllm.model)
    key_file = site.paths.run / "vllm.key"
    with VllmEngine(site.settings.vllm, model.path, site.paths.run, progress) as engine:
        try:
            endpoint = engine.start()
            write_atomically(key_file, endpoint.api_key.encode())
            site.ledger.record("model.served", {"name": model.name, "digest": model.digest})
            announce(Serving(model.name, endpoint.base_url, key_file))
            beat.ready()
            while engine.is_running():
                if beat.is_due() and engine.answers(endpoint):
                    beat.alive()
                time.sleep(_LOOK_EVERY_S)
        finally:
            beat.stopping()
            key_file.unlink(missing_ok=True)
    raise BackendUnavailable("The model server ended by itself.", f"Its log is {engine.log}.")
