"""Whether, and where, a text holds a surface that it was asked to hold."""

from collections.abc import Sequence

from appliance.synthesis.curation.lexicon import Lexicon, Match
from appliance.synthesis.curation.words import normalise


def find_grounds(
    surface: str, text: str, matches: Sequence[Match], lexicon: Lexicon
) -> tuple[int, ...]:
    """Indices of the matches that hold the surface: those that are it, then wider ones.

    A longer name around it counts: asked for "lymphoma", given "Hodgkin lymphoma". So does its
    plural.
    """
    wanted = normalise(surface)
    written = [normalise(text[match.span.start : match.span.end]) for match in matches]
    concept = lexicon.concept_of(surface)
    exact = [at for at, name in enumerate(written) if name == wanted]
    wider = [
        at
        for at, (name, match) in enumerate(zip(written, matches, strict=True))
        if at not in exact
        and (
            f" {wanted} " in f" {name} " or (match.concept == concept and _is_plural(name, wanted))
        )
    ]
    return (*exact, *wider)


def _is_plural(written: str, wanted: str) -> bool:
    return bool(wanted[:-2]) and written.startswith(wanted[:-2])
