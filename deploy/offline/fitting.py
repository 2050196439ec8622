"""Whether the wheels of a bundle are for this Python and this kind of machine.

Asked before gigabytes are copied, and by a dry run too: pip would only say that it found nothing.
Source: the names of wheels and their tags, PEP 425 and PEP 600.
"""

import os
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from offline.refusal import BAD_INPUT, Refused

_TAGS: Final = re.compile(r"(?:.*/)?(?P<name>[^-/]+)-.*-([^-]+)-([^-]+)-([^-]+)\.whl")
# PEP 600: what the older names stand for.
_LEGACY: Final = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True, slots=True)
class Kind:
    """What wheels have to fit.

    Attributes:
        minor: Of Python 3.
        machine: As the kernel names the processor.
        glibc: Version of the C library; None where it is another one.
    """

    minor: int
    machine: str
    glibc: tuple[int, int] | None


def this_kind() -> Kind:
    """That of the Python which runs the installer, and will run the release."""
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        said = ""
    found = re.fullmatch(r"glibc (\d+)\.(\d+)", said)
    glibc = (int(found[1]), int(found[2])) if found else None
    return Kind(sys.version_info.minor, platform.machine(), glibc)


def check_fit(wheels: Iterable[str], kind: Kind) -> None:
    """Each of the wheels can be installed.

    Args:
        wheels: Their file names.
        kind: Of Python and machine.

    Raises:
        Refused: One can't; says whether for Python's sake or the machine's.
    """
    for wheel in wheels:
        match = _TAGS.fullmatch(wheel)
        if match is None:
            continue
        _, python, abi, places = match.groups()
        if not any(_runs(tag, abi, kind.minor) for tag in python.split(".")):
            raise Refused(
                f"The bundle's {match['name']} is for {python}, and this is Python 3.{kind.minor}.",
                "Install the Python that the bundle is for and name it in APPLIANCE_PYTHON, or "
                "ask the supplier for a bundle for this one.",
                BAD_INPUT,
            )
        if not any(_loads(tag, kind) for tag in places.split(".")):
            libc = "no glibc" if kind.glibc is None else "glibc {}.{}".format(*kind.glibc)
            raise Refused(
                f"The bundle's {match['name']} is for {places}, and this is {kind.machine} with "
                f"{libc}.",
                "Use a newer system, or ask the supplier for a bundle for this kind of machine.",
                BAD_INPUT,
            )


def _runs(tag: str, abi: str, minor: int) -> bool:
    if tag == "py3":
        return True
    match = re.fullmatch(r"(py|cp)3(\d+)", tag)
    if match is None:
        return False
    is_at_least = match[1] == "py" or "abi3" in abi.split(".")
    return int(match[2]) <= minor if is_at_least else int(match[2]) == minor


def _loads(tag: str, kind: Kind) -> bool:
    if tag in {"any", f"linux_{kind.machine}"}:
        return True
    if not tag.endswith(f"_{kind.machine}") or kind.glibc is None:
        return False
    name = tag.removesuffix(f"_{kind.machine}")
    match = re.fullmatch(r"manylinux_(\d+)_(\d+)", name)
    needed = (int(match[1]), int(match[2])) if match else _LEGACY.get(name)
    return needed is not None and needed <= kind.glibc
