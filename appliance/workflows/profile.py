"""What a corpus looks like beside a reference, and what mix of drafts would bring them nearer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.reading import read_utf8
from appliance.errors import BadInput
from appliance.records.examples import Example, Origin
from appliance.records.prompts import ENTITY_KINDS
from appliance.records.tasks import DraftMix
from appliance.settings.site import find_site
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.curation.profiling import Gap, TextProfile, compare, profile
from appliance.workflows.corpus import find_corpus
from appliance.workflows.held_out import KindErrors, read_held_out

_TABLES: Final = frozenset({".tsv", ".conll", ".iob", ".iob2", ".bio"})
_JSONL: Final = frozenset({".jsonl", ".ndjson"})
# A sheet needs some of every kind.
_LEAST: Final = 0.05


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """A corpus in numbers.

    Attributes:
        corpus: Its name.
        profile: All of it.
        origins: The same of the texts that were written, varied and composed, by origin.
        gap: How far it is from the reference; None where none was given.
        held_out: How an adapter reads what the corpus holds out, by kind of draft; None likewise.
        mix: What the label sheet's `[mix]` would be for texts like the reference, or to teach what
            the adapter reads worst; None where neither was given.
    """

    corpus: str
    profile: TextProfile
    origins: dict[str, TextProfile]
    gap: Gap | None
    held_out: dict[str, KindErrors] | None
    mix: DraftMix | None


def report_corpus(
    root: Path, name: str, reference: Path | None = None, adapter: str | None = None
) -> CorpusReport:
    """The corpus in numbers, beside a reference or as an adapter reads it where one is given.

    Args:
        root: The site.
        name: The corpus.
        reference: Texts of the kind that the adapter is to read: .txt (one a line), .jsonl (field
            `text`) or IOB2 (labels are not looked at).
        adapter: Name of one that learned from this corpus or an earlier round of it; not beside a
            reference, because each asks for a mix of its own.

    Raises:
        BadInput: No such corpus, adapter or label sheet, both are given, or the reference can't be
            read or holds no word.
        Denied: The adapter learned from notes of the site.
        ManifestMismatch: Corpus or adapter is not what was written.
    """
    if reference is not None and adapter is not None:
        raise BadInput(
            "A reference and an adapter ask for a mix each.", "Give one of them, and decide."
        )
    site = find_site(root)
    card, examples = read_corpus(find_corpus(site, name))
    sheet, vocabulary = load_task(site.labels, card.task)
    origins = {
        origin.value: profile(_texts(members), vocabulary)
        for origin in Origin
        if (members := [one for one in examples if one.origin is origin])
    }
    whole = profile(_texts(examples), vocabulary)
    if adapter is not None:
        held_out = read_held_out(site, examples, sheet, adapter).kinds
        return CorpusReport(name, whole, origins, None, held_out, mix_to_teach(sheet.mix, held_out))
    if reference is None:
        return CorpusReport(name, whole, origins, None, None, None)
    try:
        gap = compare(_texts(examples), list(_read(reference)), vocabulary)
    except ValueError:
        raise BadInput(f"{reference} holds no word.", "Name a file with texts in it.") from None
    return CorpusReport(name, whole, origins, gap, None, _mix(sheet.mix, gap.reference))


def mix_to_teach(mix: DraftMix, held_out: Mapping[str, KindErrors]) -> DraftMix:
    """The sheet's shares, each by how much its kind has to be taught: worse read, more of it."""
    return _whole([getattr(mix, kind.value) * held_out[kind.value].need for kind in ENTITY_KINDS])


def _texts(examples: list[Example] | tuple[Example, ...]) -> list[str]:
    return [example.text for example in examples]


def _mix(mix: DraftMix, wanted: TextProfile) -> DraftMix:
    """The reference's shares; between one name and one abbreviation the sheet's own proportion."""
    none, several = wanted.without_mention, wanted.several_mentions
    rest = max(0.0, 1 - none - several)
    short = mix.abbreviation / (mix.single + mix.abbreviation or 1)
    return _whole((rest * (1 - short), several, rest * short, none))


def _whole(wanted: Sequence[float]) -> DraftMix:
    """Shares in that proportion, in the order of `ENTITY_KINDS`, with some of every kind."""
    shares = [max(_LEAST, one / sum(wanted)) for one in wanted]
    _, several, abbreviation, none = (round(share / sum(shares), 2) for share in shares)
    return DraftMix(round(1 - several - abbreviation - none, 2), several, abbreviation, none)


def _read(path: Path) -> Iterator[str]:
    suffix = path.suffix.lower()
    lines = read_utf8(path).split("\n")
    if suffix in _TABLES:
        yield from _sentences(lines)
    elif suffix in _JSONL:
        yield from (_field(path, number, line) for number, line in _filled(lines))
    elif suffix == ".txt":
        yield from (line for _, line in _filled(lines))
    else:
        raise BadInput(
            f"{path.name} has no suffix of texts.",
            f"Name it .txt, {', '.join(sorted(_JSONL | _TABLES))}.",
        )


def _filled(lines: list[str]) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _sentences(lines: list[str]) -> Iterator[str]:
    words: list[str] = []
    for line in [*lines, ""]:
        columns = line.split()
        if columns and not line.startswith(("# ", "-DOCSTART-")):
            words.append(columns[0])
        elif not columns and words:
            yield " ".join(words)
            words = []


def _field(path: Path, number: int, line: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str):
        raise BadInput(f"{path.name}, line {number}: no object with a text.", "Mend that line.")
    return text
