"""What a zone's image would miss: its modules imported where some packages can't be.

`python -m tests.lib.zone_import ZONE` imports the zone with what `deploy/images/ZONE.without` names
made impossible, and prints the packages that were loaded, as JSON.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Final

from appliance.cluster.environment import OFFLINE
from tests.lib.house import PRODUCT, REPOSITORY

# Packages that can ask a web server for something.
CLIENTS: Final = frozenset(
    (
        *("aiohttp", "anthropic", "google-api-core", "httpcore", "httpcore2", "httpx", "httpx2"),
        *("huggingface-hub", "openai", "requests", "sentry-sdk", "urllib3", "websockets"),
    )
)
_EVERYWHERE: Final = ("records", "settings", "artifacts", "ledger", "spending", "cluster", "gate")
# The rooms of each zone, the workflows that are not its own, and libraries as they are used there.
_ZONES: Final = {
    "clinical": (
        (*_EVERYWHERE, "clinical", "learning", "audits", "invented", "workflows"),
        (
            *("gateway", "supply", "synthesize", "demo", "dispatch", "asking", "benchmark"),
            *("model", "orders", "generation"),
        ),
        (
            *("torch", "transformers.models.auto.modeling_auto", "peft", "opacus", "ray.data"),
            *("ray.train.torch", "presidio_analyzer", "spacy", "onnxruntime", "sqlcipher3"),
            *("pypdf", "weasyprint", "matplotlib"),
        ),
    ),
    "gateway": (
        ("records", "settings", "artifacts", "ledger", "spending", "gate", "gateway"),
        (),
        ("openai", "httpx2", "presidio_analyzer", "spacy", "onnxruntime", "uvicorn"),
    ),
    "vllm": (
        ("records", "settings", "artifacts", "ledger", "synthesis/backends/vllm"),
        (),
        (),
    ),
}
_ALSO: Final = {
    "clinical": (),
    "gateway": ("appliance.workflows.gateway",),
    "vllm": ("appliance.workflows.model", "appliance.gateway.notifying"),
}


class Without(MetaPathFinder):
    """Finds nothing that belongs to the packages named, and lets nobody else find it."""

    def __init__(self, names: Sequence[str]) -> None:
        owners = packages_distributions()
        wanted = {name.lower().replace("_", "-") for name in names}
        self._top = {
            module
            for module, packages in owners.items()
            if {one.lower().replace("_", "-") for one in packages} <= wanted
        }

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """A refusal, as if it were not installed."""
        del path, target
        if fullname.partition(".")[0] in self._top:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def modules_of(zone: str) -> Iterator[str]:
    """Every module of the zone."""
    rooms, others, _ = _ZONES[zone]
    for room in rooms:
        for path in sorted((PRODUCT / room).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            if "workflows" in parts and path.stem in others:
                continue
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def main(zone: str) -> None:
    """Import it all, and say what came along."""
    os.environ.update(OFFLINE)
    without = (REPOSITORY / f"deploy/images/{zone}.without").read_text().split()
    sys.meta_path.insert(0, Without(without))
    for name in (*_ZONES[zone][2], *modules_of(zone), *_ALSO[zone]):
        importlib.import_module(name)  # noqa: TID251 - names are the point here
    owners = packages_distributions()
    loaded = {name.partition(".")[0] for name in sys.modules}
    packages = {package for name in loaded for package in owners.get(name, ())}
    sys.stdout.write(json.dumps(sorted(one.lower().replace("_", "-") for one in packages)))


if __name__ == "__main__":
    main(Path(sys.argv[1]).name)
