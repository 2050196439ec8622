"""The layout of a site as a whole, one number, and whether this program works with it.

SITE/schema.json holds it; a site without that file was made before there was a number, which is
layout 0. While a site is on its way from one to another the file names both, and no command but
`appliance site` touches it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import IntegrityError, SiteError

SITE_SCHEMA: Final = 1
"""What this program works with. A store's own layout does not change without it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Where a site stands.

    Attributes:
        number: The layout that it has, or had before it was begun to be changed.
        becoming: The layout that it is on the way to or back from; None where it is at rest.
    """

    number: int
    becoming: int | None = None

    @property
    def newest(self) -> int:
        """The newest layout that anything in the site can have."""
        return max(self.number, self.becoming or 0)

    def encode(self) -> bytes:
        """The file's content."""
        body = {"schema": self.number}
        if self.becoming is not None:
            body["becoming"] = self.becoming
        return (json.dumps(body) + "\n").encode()


def read_schema(path: Path) -> Schema:
    """Where the site stands whose `schema.json` is at `path`.

    Raises:
        IntegrityError: The file is damaged.
    """
    try:
        raw = json.loads(path.read_bytes())
        number, becoming = raw["schema"], raw.get("becoming")
        if type(number) is not int or type(becoming) not in {int, type(None)}:
            raise TypeError(path.name)  # noqa: TRY301 - one answer to all that is wrong with it
        return Schema(number, becoming)
    except FileNotFoundError:
        return Schema(0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"{path} can't be read or is damaged.", "Restore the site from its backup."
        ) from None


def check_not_newer(schema: Schema) -> None:
    """This program knows the site's layout.

    Raises:
        SiteError: A newer one made it.
    """
    if schema.newest > SITE_SCHEMA:
        raise SiteError(
            f"The site has layout {schema.newest}; this program knows {SITE_SCHEMA}.",
            "Use the release that it was last used with, or a newer one.",
        )


def check_schema(schema: Schema) -> None:
    """This program works with the site as it is.

    Raises:
        SiteError: It is of a newer or an older program, or half way between.
    """
    check_not_newer(schema)
    if schema.becoming is not None:
        raise SiteError(
            f"The site is on its way from layout {schema.number} to {schema.becoming}.",
            "Finish it with `appliance site migrate`, or undo it with `appliance site revert`.",
        )
    if schema.number < SITE_SCHEMA:
        raise SiteError(
            f"The site has layout {schema.number}; this program works with {SITE_SCHEMA}.",
            "Run `appliance site migrate`; a snapshot is kept.",
        )
