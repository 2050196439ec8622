"""The words of a prompt, for a base model: it goes on with what it is shown, it obeys nothing."""

from typing import Final

from appliance.records.tasks import Demonstration, PairExample, PairKind, RelationType

# Enters every journal key: with other words, old answers are answers to something else.
VERSION: Final = "completion-3"
ANSWER: Final = "Sentence:"
NO_ENTITY: Final = "none"
_SAID: Final = {
    PairKind.STATED: "stated",
    PairKind.DENIED: "denied",
    PairKind.UNRELATED: "not spoken of",
}


def render_task(title: str) -> str:
    """The first line: what all of this is."""
    return f"{title}: invented sentences from clinical notes and research abstracts.\n\n"


def render_request(entities: tuple[str, ...], style: str, topic: str = "") -> str:
    """The lines before an answer."""
    named = "; ".join(entities) or NO_ENTITY
    whole = f"{style}, {topic}" if topic else style
    return f"Entities: {named}\nRegister: {whole}\n{ANSWER}"


def render_demonstration(shown: Demonstration) -> str:
    """A request with its answer."""
    return f"{render_request(shown.entities, shown.register)} {shown.text}\n\n"


def render_pair_request(
    relation: RelationType,
    kind: PairKind,
    head: str,
    tail: str,
    style: str,
    *,
    is_one_of_several: bool,
) -> str:
    """The lines before an answer about a pair; of several relations they name the one."""
    names = f"{relation.head}: {head}\n{relation.tail}: {tail}\n"
    named = f"{relation.name.replace('-', ' ')}, " if is_one_of_several else ""
    return f"{names}Relation: {named}{_SAID[kind]}\nRegister: {style}\n{ANSWER}"


def render_pair_demonstration(
    relation: RelationType, shown: PairExample, *, is_one_of_several: bool
) -> str:
    """A request about a pair with its answer."""
    request = render_pair_request(
        *(relation, shown.kind, shown.head, shown.tail, shown.register),
        is_one_of_several=is_one_of_several,
    )
    return f"{request} {shown.text}\n\n"
