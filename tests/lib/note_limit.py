"""A limit for notes in a site's policy, which ships without one."""

from pathlib import Path


def set_limit(policies: Path, days: int) -> None:
    """Notes may lie in the site for so many days."""
    path = policies / "retention.toml"
    path.write_text(path.read_text().replace("[days]\n", f"[days]\nnotes = {days}\n"))
