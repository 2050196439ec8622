"""One request as the pages see it: who asks, for what, on which site; nothing of HTTP."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.console.blocks import Page
from appliance.console.sessions import Session
from appliance.errors import BadInput
from appliance.records.access import Identity, Verb

_NUMBER: Final = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in and may ask for that.

    Attributes:
        root: The site.
        session: Theirs.
        path: Parts of the address, by name.
        query: What stands behind its question mark.
        form: What was sent, by name; empty where the visit only looks.
    """

    root: Path
    session: Session
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def who(self) -> Identity:
        """Who asks."""
        return self.session.who

    @property
    def user(self) -> str:
        """Their name, or number where the system knows no name."""
        return name_of(self.who)

    def asked_number(self, name: str, least: int = 0) -> int | None:
        """A whole number of the address; None where it is left out.

        Raises:
            BadInput: It is none, or too small.
        """
        given = self.query.get(name, "")
        if not given:
            return None
        # int() would take other digits too, and any number of them.
        if not _NUMBER.fullmatch(given) or int(given) < least:
            raise BadInput(
                f"The address has a {name} that is no such number.", "Follow a link of the page."
            )
        return int(given)

    def sent(self, name: str) -> str:
        """A field of the form.

        Raises:
            BadInput: It is missing or empty.
        """
        value = self.form.get(name, "").strip()
        if not value:
            raise BadInput(f"The form lacks its field {name!r}.", "Fill it in and send it again.")
        return value


def name_of(who: Identity) -> str:
    """Name of a user, or the number where the system knows no name."""
    return who.user or str(who.uid)


@dataclass(frozen=True, slots=True)
class Moved:
    """The answer stands on another page, to be looked at with GET."""

    to: str


@dataclass(frozen=True, slots=True)
class File:
    """Bytes for the browser, shown shut in where they are HTML.

    Attributes:
        content: The bytes.
        kind: Media type.
        save_as: Name to save it under; "" to show it.
    """

    content: bytes
    kind: str
    save_as: str = ""


Answer = Page | Moved | File


@dataclass(frozen=True, slots=True)
class Door:
    """One address of the console.

    Attributes:
        path: As Starlette writes it.
        verb: What who comes must be allowed.
        answer: Gives the page.
        changes: Whether it takes a form (POST) rather than a look (GET).
    """

    path: str
    verb: Verb
    answer: Callable[[Visit], Answer]
    changes: bool = False
