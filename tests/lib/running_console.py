"""The console as `appliance console serve` makes it, in a thread of the test."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2

from appliance.console.asking import ask_token
from appliance.console.serving import Listening, serve


class Browsing:
    """A client that behaves as a browser does, with the cookies it was given.

    Attributes:
        http: The client; sends no form by itself from anywhere but the page's own origin.
    """

    def __init__(self, listening: Listening, **settings: Any) -> None:
        self.listening = listening
        self.http = httpx2.Client(
            base_url=listening.address, timeout=30, trust_env=False, **settings
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
    is_up, told, failures = threading.Event(), [], []
    stop = threading.Event()

    def announce(listening: Listening) -> None:
        told.append(listening)
        is_up.set()

    def run() -> None:
        try:
            serve(root, announce, port=0, stop=stop)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)
        finally:
            is_up.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    is_up.wait(60)
    if failures:
        raise failures[0]
    try:
        yield told[0]
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "the console did not end"
