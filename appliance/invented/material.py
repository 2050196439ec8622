"""Word material of the invented hospital: TOML files of this package, read once."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

CONDITION_FILES: Final = (
    "conditions_chest.toml",
    "conditions_abdomen.toml",
    "conditions_cancer.toml",
    "conditions_mind.toml",
    "conditions_inherited.toml",
    "conditions_family.toml",
    "conditions_joints_skin.toml",
)
LAYOUT_FILES: Final = (
    "layouts_1.toml",
    "layouts_2.toml",
)


@cache
def read(name: str) -> Mapping[str, Any]:
    """The file `name` of `data/`, parsed."""
    return tomllib.loads((files("appliance.invented") / "data" / name).read_text(encoding="utf-8"))


@cache
def conditions() -> Mapping[str, Mapping[str, Any]]:
    """Every storyline by its key, in file order."""
    return {key: row for name in CONDITION_FILES for key, row in read(name).items()}


@cache
def layouts() -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """Every layout by note kind, in file order."""
    return {kind: tuple(rows) for name in LAYOUT_FILES for kind, rows in read(name).items()}
