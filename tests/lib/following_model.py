"""What a model that does as it is told says: the same words to the same prompt."""

import hashlib
from typing import Any

from appliance.records.prompts import DraftKind
from appliance.synthesis.prompting.drafting import make_draft
from tests.lib.scripted_backend import tell


def follow(body: dict[str, Any]) -> str:
    """The answer to the last message of a chat completion's body."""
    prompt = body["messages"][-1]["content"]
    wanted = prompt.rpartition("Entities:")[2].partition("\n")[0]
    names = [name.strip(" .") for name in wanted.split(";") if name.strip()]
    opening = prompt.rpartition("\n")[2].partition(":")[2].strip()
    number = int(hashlib.sha256(prompt.encode()).hexdigest()[:12], 16)
    draft = make_draft("t", DraftKind.SINGLE, tuple(names), "note", prompt, opening)
    return tell(draft) if number % 2 else tell(draft).strip()
