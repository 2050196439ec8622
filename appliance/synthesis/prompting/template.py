"""The words of a prompt, for a base model: it goes on with what it is shown, it obeys nothing."""

from typing import Final

from appliance.records.tasks import Demonstration

# Enters every journal key: with other words, old answers are answers to something else.
VERSION: Final = "completion-3"
ANSWER: Final = "Sentence:"
NO_ENTITY: Final = "none"


def render_task(title: str) -> str:
    """The first line: what all of this is."""
    return f"{title}: invented sentences from clinical notes and research abstracts.\n\n"


def render_request(entities: tuple[str, ...], register: str, topic: str = "") -> str:
    """The lines before an answer."""
    named = "; ".join(entities) or NO_ENTITY
    style = f"{register}, {topic}" if topic else register
    return f"Entities: {named}\nRegister: {style}\n{ANSWER}"


def render_demonstration(shown: Demonstration) -> str:
    """A request with its answer."""
    return f"{render_request(shown.entities, shown.register)} {shown.text}\n\n"
