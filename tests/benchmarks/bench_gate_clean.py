"""What the gate denies of texts without any patient: `python -m tests.benchmarks.bench_gate_clean`.

The registry and the notes of the invented hospital are loaded. Prints, for the clean texts of the
public corpora (APPLIANCE_CORPORA, its folder `phi/`) and for our own drafts, how many are denied,
and how many of those by the layers that do not guess: patient index, overlap, what can't be read.

Options: a count of drafts for each task; `--index-only` leaves out spaCy and the tagger.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from appliance.gate.inspection import Gate, GateRules
from appliance.gate.opening import open_gate
from appliance.gate.overlap.detector import NoteOverlap, read_public_texts
from appliance.gate.overlap.fingerprints import FILE, Fingerprints
from appliance.gate.patients.index import PatientIndex
from appliance.gate.patients.writing import write_index
from appliance.gate.policy import load_phi_policy
from appliance.gate.vocabulary import load_terms
from appliance.records.verdicts import Decision
from appliance.settings.clock import SystemClock
from appliance.settings.keys import Purpose
from appliance.settings.policies import digest_policies, shipped_policies
from appliance.settings.tasks import list_tasks, load_task
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.gate_benchmark import read_corpus
from tests.benchmarks.bench_gate import Keys
from tests.lib.invented_hospital import hospital
from tests.lib.memory_vault import EventList

COUNT = 1000
OURS = {"patient-index", "note-overlap"}


def main(arguments: list[str]) -> int:
    """One line per set of texts."""
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    with tempfile.TemporaryDirectory() as directory:
        load_hospital(Path(directory))
        index = Path(directory) / "patients.index"
        if "--index-only" in arguments:
            gate = open_narrow_gate(index)
        else:
            gate = open_gate(shipped_policies(), index, Keys(), SystemClock(), EventList())
        sys.stdout.write("texts | count | denied | % | by index or overlap | as unreadable\n")
        for name, texts in _sets(numbers[0] if numbers else COUNT):
            _report(gate, name, texts)
    return 0


def load_hospital(directory: Path) -> None:
    """The invented hospital's patient index and note fingerprints are in the directory."""
    key = Keys().key(Purpose.PATIENT_INDEX)
    write_index(directory / "patients.index", [one.identifiers for one in hospital().patients], key)
    prints = Fingerprints(directory / FILE, key)
    prints.add([(f"n-{number:016x}", note.text) for number, note in enumerate(hospital().notes)])
    prints.finish()


def open_narrow_gate(index: Path) -> Gate:
    """A gate with patient index and note overlap alone: what the other layers add to."""
    policies = shipped_policies()
    rules = GateRules(
        load_phi_policy(policies / "phi.toml"),
        digest_policies(policies),
        load_terms(policies / "labels"),
    )
    key = Keys().key(Purpose.PATIENT_INDEX)
    notes = NoteOverlap.load(index.with_name(FILE), key, read_public_texts(policies / "labels"))
    return Gate(
        rules, [PatientIndex.load(index, key), notes], b"s" * 32, SystemClock(), EventList()
    )


def _sets(count: int) -> Iterator[tuple[str, list[str]]]:
    labels = shipped_policies() / "labels"
    for task in list_tasks(labels):
        sheet, vocabulary = load_task(labels, task)
        made = islice(drafts(sheet, vocabulary, seed=29), count)
        yield f"drafts, {task}", [draft.prompt for draft in made]
    root = os.environ.get("APPLIANCE_CORPORA")
    for path in sorted((Path(root) / "phi").glob("*.jsonl")) if root else ():
        clean = [one for one in read_corpus(path) if not one.spans]
        for half in (0, 1):
            texts = [one.text for one in clean if _half(one.document_id) == half]
            if texts:
                yield f"{path.stem}, half {'ab'[half]}", texts


def _half(document_id: str) -> int:
    return int(hashlib.sha256(document_id.encode()).hexdigest(), 16) % 2


def _report(gate: Gate, name: str, texts: list[str]) -> None:
    verdicts = []
    for first in range(0, len(texts), 64):
        verdicts += gate.inspect_many(texts[first : first + 64])
    denied = [verdict for verdict in verdicts if verdict.decision is Decision.DENY]
    ours = sum(any(hit.detector in OURS for hit in verdict.hits) for verdict in denied)
    unreadable = sum(not verdict.hits for verdict in denied)
    share = 100 * len(denied) / len(texts)
    sys.stdout.write(
        f"{name} | {len(texts)} | {len(denied)} | {share:.1f} | {ours} | {unreadable}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
