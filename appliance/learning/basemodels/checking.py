"""Which files of a directory make up a model that may be taken into the store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.errors import BadInput

# Default deny: what is not on this list stays outside, above all `*.py` and pickles.
_TAKEN: Final = frozenset(
    {".safetensors", ".json", ".txt", ".model", ".md", ".jinja", ".html", ".spm", ".bpe"}
)
_TERMS: Final = ("LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY", "GEMMA_TERMS")
_PICKLES: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
_TOKENIZERS: Final = (
    "tokenizer.json",
    "vocab.txt",
    "tokenizer.model",
    "vocab.json",
    "spiece.model",
)
_SHARDS: Final = "model.safetensors.index.json"


def check_model(directory: Path) -> tuple[Path, ...]:
    """The files of a usable model, relative to `directory`, sorted.

    Raises:
        BadInput: No directory, no configuration, no tokenizer, no safetensors weights, only
            pickled ones, or weights that are cut short; names the file.
    """
    if not directory.is_dir():
        raise BadInput(f"{directory} is not a directory.", "Name the directory of a model.")
    files = tuple(sorted(_taken(directory)))
    names = {path.as_posix() for path in files}
    if "config.json" not in names:
        raise BadInput(
            f"{directory} has no config.json.",
            "Name the directory that `save_pretrained` wrote, with its weights.",
        )
    if not names.intersection(_TOKENIZERS):
        raise BadInput(
            f"{directory} has no tokenizer ({', '.join(_TOKENIZERS)}).",
            "Save the model's tokenizer beside its weights.",
        )
    _check_config(directory)
    _check_weights(directory, files)
    return files


def _taken(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        relative = path.relative_to(directory)
        hidden = any(part.startswith(".") for part in relative.parts)
        # A manifest of elsewhere would be taken for the store's own.
        if hidden or relative.name == "manifest.json" or not path.is_file():
            continue
        if relative.suffix.lower() in _TAKEN or relative.name.upper().startswith(_TERMS):
            yield relative


def _check_config(directory: Path) -> None:
    try:
        config = json.loads((directory / "config.json").read_bytes())
    except (OSError, ValueError):
        raise BadInput(
            f"{directory}/config.json is not readable JSON.", "Copy the model again."
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise BadInput(
            f"{directory}/config.json names no model_type.",
            "Use a model in the format of the transformers library.",
        )


def _check_weights(directory: Path, files: tuple[Path, ...]) -> None:
    weights = {path.as_posix() for path in files if path.suffix == ".safetensors"}
    weights = {name for name in weights if "/" not in name}
    if not weights:
        pickled = any(path.suffix in _PICKLES for path in directory.iterdir())
        raise BadInput(
            f"{directory} holds no safetensors weights"
            + (", only pickled ones." if pickled else "."),
            "Pickles run code when they are loaded: convert them with "
            "`save_pretrained(..., safe_serialization=True)` on a machine you trust."
            if pickled
            else "Copy the *.safetensors files into it.",
        )
    missing = _shards(directory) - weights
    if missing:
        raise BadInput(
            f"{directory} lacks {len(missing)} of its weight files, among them {min(missing)}.",
            "Copy the missing files into it.",
        )
    for name in sorted(weights):
        _check_whole(directory / name)


def _shards(directory: Path) -> set[str]:
    index = directory / _SHARDS
    if not index.is_file():
        return set()
    try:
        return {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{index} is not readable.", "Copy the model again.") from None


def _check_whole(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        # Opening compares the header's offsets with the file's length.
        with safe_open(path, framework="np") as weights:
            empty = not list(weights.keys())
    except (SafetensorError, OSError):
        raise BadInput(f"{path} is damaged or cut short.", "Copy it again.") from None
    if empty:
        raise BadInput(f"{path} holds no tensor.", "Copy it again.")
