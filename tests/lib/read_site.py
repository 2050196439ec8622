"""A site whose notes were read, without Ray and without a model: words are found by a list."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.extraction.linking import Linker
from appliance.clinical.extraction.pairing import PairFinder, TextPair
from appliance.clinical.extraction.parts import FindingsCard, Plan
from appliance.clinical.extraction.run import RunBlocks, extract
from appliance.records.identifiers import Digest
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.records.spans import UNRELATED, ScoredSpan, Span
from appliance.settings.assertion import load_assertion
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.site import Site, init

CONCEPTS = {"fever": "386661006", "asthma": "195967001", "gout": "90560007", "aspirin": "1191"}
LABELS = {"aspirin": "Drug"}


class WordJudge:
    """Says "treats" of a pair between whose ends the text says "for", and surer of a short one."""

    def classify_pairs(self, pairs: Sequence[TextPair]) -> list[tuple[str, float]]:
        return [self._judge(*pair) for pair in pairs]

    @staticmethod
    def _judge(text: str, head: Span, tail: Span) -> tuple[str, float]:
        between = text[head.end : tail.start].split()
        return ("treats", 1 - len(between) / 100) if "for" in between else (UNRELATED, 0.9)


class ListLabeller:
    """Finds the words of `CONCEPTS`, wherever they stand."""

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        return [tuple(sorted(self._find(text))) for text in texts]

    @staticmethod
    def _find(text: str) -> Iterable[ScoredSpan]:
        for word in CONCEPTS:
            start = text.find(word)
            while start >= 0:
                label = LABELS.get(word, "Disease")
                yield ScoredSpan(Span(start, start + len(word), label), 0.75)
                start = text.find(word, start + 1)


def make_site(root: Path, notes: Iterable[SourceNote]) -> Site:
    """A new site with these notes in its vault."""
    site = init(root, "air-gapped")
    import_stream(site, notes, Silent())
    return site


def read_notes(
    site: Site,
    name: str,
    output: OutputFormat = OutputFormat.PARQUET,
    notes_per_part: int = 16,
    *,
    with_pairs: bool = False,
) -> FindingsCard:
    """The findings of every note, at `SITE/findings/NAME`, and where asked for their relations."""
    finder = PairFinder(WordJudge(), frozenset({("Drug", "Disease")}), sentences=0)
    with opened_vault(site) as vault:
        worker = NoteLabelling(
            vault,
            ListLabeller(),
            ContextEngine(load_assertion(site.paths.policies)),
            Linker({name: frozenset({concept}) for name, concept in CONCEPTS.items()}),
            finder if with_pairs else None,
        )
        return extract_by(
            lambda blocks: map(worker, blocks),
            site,
            name,
            output,
            notes_per_part=notes_per_part,
            found_by=(("list", "0" * 64),) if with_pairs else (),
        )


def extract_by(
    run: RunBlocks,
    site: Site,
    name: str,
    output: OutputFormat = OutputFormat.PARQUET,
    *,
    notes_per_part: int,
    notes_per_block: int = 4,
    found_by: tuple[tuple[str, str], ...] = (),
) -> FindingsCard:
    """The same, by whatever runs the blocks of ids."""
    with opened_vault(site) as vault:
        note_ids, digest, stamps = vault.note_ids(), vault.digest(), vault.stamps()
    plan = Plan(
        *("reader", Digest("d" * 64), "128", digest, len(note_ids)),
        *(notes_per_block, notes_per_part, output),
        found_by=found_by,
    )
    return extract(
        run,
        note_ids,
        site.paths.findings / name,
        plan,
        recorder=site.ledger,
        policy_digest=site.policy_digest,
        made_at="2026-03-01T06:00:00+00:00",
        progress=Silent(),
        stamps=stamps,
    )
