"""What stands in a FHIR resource, which may be anything at all."""

from typing import Any, Final

TYPE: Final = "resourceType"
"""The key by which a JSON object says that it is a resource."""


def at(value: Any, *path: str | int) -> Any:
    """What stands at the path, or None where the way ends."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def list_at(value: Any, *path: str | int) -> list[Any]:
    """The list at the path; an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def text_at(value: Any, *path: str | int) -> str:
    """The text at the path; "" where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def is_text(value: object) -> bool:
    """Whether it is a text with something in it."""
    return isinstance(value, str) and bool(value)


def without_version(reference: str) -> str:
    """The reference to the resource, of whichever version it was."""
    return reference.partition("/_history/")[0]


def split_reference(reference: object) -> tuple[str, str]:
    """What stands before the id in "TYPE/ID", absolute or versioned, and the id."""
    path, _, own = without_version(str(reference)).rpartition("/")
    return path, own
