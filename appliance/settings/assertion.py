"""`policies/assertion.toml`: the phrases and headings that say how a finding is meant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.errors import BadInput
from appliance.records.assertions import (
    Assertion,
    AssertionRules,
    PhraseRule,
    Role,
    SectionRule,
)
from appliance.settings.validation import read_digested

FILE: Final = "assertion.toml"
_HELP: Final = "Mend it, or copy the one that ships with the product."

_Phrase = Annotated[str, Field(pattern=r"^\S+( \S+){0,9}$", max_length=100)]
_Phrases = tuple[_Phrase, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Kind(_Strict):
    forward: _Phrases = ()
    backward: _Phrases = ()
    pseudo: _Phrases = ()
    ends: _Phrases = ()


class _Section(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}$")]
    headings: Annotated[_Phrases, Field(min_length=1)]
    implies: Assertion | None = None


class _File(_Strict):
    version: Literal[1]
    ends: _Phrases = ()
    negated: _Kind
    historical: _Kind
    family: _Kind
    hypothetical: _Kind
    uncertain: _Kind
    section: tuple[_Section, ...] = ()


def load_assertion(policies: Path) -> AssertionRules:
    """The rules of a site.

    Raises:
        BadInput: The file is missing or broken; the first faults are named by key.
    """
    path = policies / FILE
    parsed, digest = read_digested(path, _File, _HELP)
    _check_headings(path, parsed)
    return AssertionRules(
        phrases=tuple(_phrases(parsed)),
        sections=tuple(
            SectionRule(one.name, tuple(map(str.lower, one.headings)), one.implies)
            for one in parsed.section
        ),
        digest=digest,
    )


def _phrases(parsed: _File) -> Iterator[PhraseRule]:
    for kind in Assertion:
        own: _Kind = getattr(parsed, kind)
        for role in Role:
            phrases = getattr(own, role) + (parsed.ends if role is Role.ENDS else ())
            for words in phrases:
                yield PhraseRule(words.lower(), kind, role)


def _check_headings(path: Path, parsed: _File) -> None:
    seen: set[str] = set()
    for section in parsed.section:
        for heading in section.headings:
            if heading in seen:
                raise BadInput(f"{path}: the heading {heading!r} stands for two sections.", _HELP)
            seen.add(heading)
