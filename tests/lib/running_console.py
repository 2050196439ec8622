"""The console as `appliance console serve` makes it, in a thread of the test."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2

from appliance.console.asking import ask_token
from appliance.console.serving import Listening, serve
from tests.lib.served import served


class Browsing:
    """A client that behaves as a browser does, with the cookies it was given.

    Attributes:
        http: The client; sends no form by itself from anywhere but the page's own origin.
    """

    def __init__(self, listening: Listening, **settings: Any) -> None:
        self.listening = listening
        self.http = httpx2.Client(
            base_url=listening.address, timeout=120, trust_env=False, **settings
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def log_in(self) -> Self:
        """Signed in as who runs the test."""
        token = ask_token(self.listening.socket).token
        answer = self.http.post("/login", data={"token": token})
        assert answer.status_code == 303, answer.text
        return self

    def csrf(self, path: str = "/") -> str:
        """What the forms of a page hold."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.http.get(path).text)
        assert found, path
        return found[1]

    def send(self, path: str, fields: Mapping[str, str]) -> httpx2.Response:
        """The answer to a form of one of our own pages."""
        return self.http.post(path, data={"csrf": self.csrf(), **fields})


@contextmanager
def running_console(root: Path) -> Iterator[Listening]:
    """The site's console listens, on a free port and its socket."""

    def run(announce: Callable[[Listening], None], stop: threading.Event) -> None:
        serve(root, announce, port=0, stop=stop)

    with served(run) as told:
        yield told
