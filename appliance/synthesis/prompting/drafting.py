"""A draft and its id."""

import hashlib
import json
from typing import Final

from appliance.records.identifiers import DraftId
from appliance.records.prompts import Draft, DraftKind
from appliance.records.tasks import Sensitivity

_ID_DIGITS: Final = 24


def make_draft(
    task: str,
    kind: DraftKind,
    entities: tuple[str, ...],
    register: str,
    prompt: str,
    opening: str = "",
    sensitivity: Sensitivity = Sensitivity.INTERNAL,
    relation: str = "",
) -> Draft:
    """The draft with its id, the digest of all its other fields."""
    given = [task, kind, entities, register, prompt, opening, sensitivity]
    fields = json.dumps([*given, relation] if relation else given, ensure_ascii=True)
    digest = hashlib.sha256(fields.encode()).hexdigest()[:_ID_DIGITS]
    draft_id = DraftId(f"d-{digest}")
    return Draft(draft_id, task, kind, entities, register, prompt, opening, sensitivity, relation)
