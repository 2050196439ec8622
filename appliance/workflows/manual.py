"""Manual pages on disk."""

from collections.abc import Mapping
from pathlib import Path

from appliance.artifacts.writing import check_writable, disk_errors, write_atomically


def write_pages(out: Path, pages: Mapping[str, str], *, dry_run: bool = False) -> tuple[str, ...]:
    """The pages are in the directory; those of an older release there are replaced.

    Args:
        out: The directory, made where it is missing.
        pages: File name to content.
        dry_run: Only check that it could be.

    Returns:
        The files' names, sorted.

    Raises:
        BadInput: It can't be written.
        NoSpace: The disk is full.
    """
    if dry_run:
        check_writable(out / "page" if out.is_dir() else out)
        return tuple(sorted(pages))
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for name, content in pages.items():
        write_atomically(out / name, content.encode(), mode=0o644)
    return tuple(sorted(pages))
