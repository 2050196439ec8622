"""A reader who does on a review's page what a test says, without a browser."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.clinical.reviewing.folder import read_queue
from appliance.clinical.reviewing.sealing import seal_decisions
from appliance.workflows.review_queue import ReviewMade
from appliance.workflows.site import Site

AT = "2026-03-02T09:30:00.000Z"


def key_of(made: ReviewMade) -> bytes:
    """The bytes of the key that was printed."""
    return base64.urlsafe_b64decode(made.key + "=")


def read_page(made: ReviewMade) -> dict[str, Any]:
    """What the page shows once it has the key."""
    page = made.page.read_text()
    digest = page.split('"digest": "')[1][:64]
    sealed = base64.b64decode(page.split('<script id="sealed" type="text/plain">')[1].split("<")[0])
    bound = f"appliance review page v1 {digest}".encode()
    shown: dict[str, Any] = json.loads(
        AESGCM(key_of(made)).decrypt(sealed[:12], sealed[12:], bound)
    )
    return shown


def decide_all(made: ReviewMade, seconds: float = 30.0) -> dict[str, Any]:
    """Every item, as it was found."""
    return {
        item["id"]: {"spans": item["spans"], "seconds": seconds, "at": AT}
        for item in read_page(made)["items"]
    }


def save(site: Site, made: ReviewMade, items: Mapping[str, Any]) -> bytes:
    """The file that the page saves."""
    queue = read_queue(site.paths.reviews / made.review)
    return seal_decisions({"items": items}, queue, key_of(made))
