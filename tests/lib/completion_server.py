"""A server on loopback that speaks the completions of the OpenAI API, and can be shot."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
Script = Callable[[str], str]


class CompletionServer:
    """Answers by a script.

    Attributes:
        port: On 127.0.0.1.
        prompts: Every prompt that came, in order.
        most_at_once: The most that it had in hand at once.
        delay_s: How long an answer takes.
        status: Of its answers.
        dies_at: With this many prompts received it is gone; 0 for never.
    """

    def __init__(self, script: Script, delay_s: float) -> None:
        self.port = 0
        self.prompts: list[str] = []
        self.most_at_once = 0
        self.delay_s = delay_s
        self.status = 200
        self.dies_at = 0
        self._script = script
        self._in_hand = 0
        self._is_dead = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """It listens, in a thread of its own."""
        is_up = threading.Event()

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = int(self._server.sockets[0].getsockname()[1])
            is_up.set()

        def run() -> None:
            self._loop.create_task(listen())
            self._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        is_up.wait(60)

    def shoot(self) -> None:
        """Gone, with everything that it had in hand; nobody listens on its port any more."""
        self._loop.call_soon_threadsafe(self._die)

    def _die(self) -> None:
        self._is_dead = True
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_dead:
            # Accepted before, and served only now.
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                assert length is not None
                body = json.loads(await reader.readexactly(int(length[1])))
                writer.write(await self._answer(body["prompt"]))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, prompt: str) -> bytes:
        self.prompts.append(prompt)
        if len(self.prompts) == self.dies_at:
            self._die()
        self._in_hand += 1
        self.most_at_once = max(self.most_at_once, self._in_hand)
        await asyncio.sleep(self.delay_s)
        self._in_hand -= 1
        choice = {"index": 0, "text": self._script(prompt), "finish_reason": "stop"}
        document = {
            "id": "c",
            "object": "text_completion",
            "created": 0,
            "model": "generator",
            "choices": [choice | {"logprobs": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }
        content = json.dumps(document).encode()
        head = f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


@contextmanager
def running_completions(
    script: Script = lambda _: " was seen.", delay_s: float = 0.05
) -> Iterator[CompletionServer]:
    """It answers."""
    server = CompletionServer(script, delay_s)
    server.start()
    try:
        yield server
    finally:
        server.shoot()
