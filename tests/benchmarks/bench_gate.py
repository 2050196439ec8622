"""The gate on the public corpora: `python -m tests.benchmarks.bench_gate [NAME...]`.

Corpora are found through APPLIANCE_CORPORA (its folder `phi/`). Each line is one corpus in one
case, once for the half that the gate was tuned on and once for the half that it is checked on; the
halves are by hash of the document's id. "One each" is the same corpus with every document reduced
to a single identifier. Of ACI-Bench only names and dates are labelled, so its false alarms say
nothing and are left out; of `presidio_synth_v2` countries, years and weekdays count as gold,
which are no identifiers of patients.
"""

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

from appliance.gate.benchmark import GateScore, Rate, score_gate
from appliance.gate.opening import open_gate
from appliance.records.gold import GoldDocument
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from appliance.workflows.gate_benchmark import read_corpus
from tests.lib.memory_vault import EventList
from tests.lib.reduction import reduce_to_one

HALVES = ("tune", "check")
CASES = {"as written": str, "upper": str.upper, "lower": str.lower}


class Keys:
    """Fixed keys: nothing here is kept."""

    def key(self, purpose: str) -> bytes:
        """32 bytes that stand for `purpose`."""
        return hashlib.sha256(purpose.encode()).digest()


def main(names: list[str]) -> int:
    """One line per corpus, case and half."""
    root = os.environ.get("APPLIANCE_CORPORA")
    if root is None:
        sys.stderr.write("Set APPLIANCE_CORPORA to the folder of the corpora.\n")
        return 2
    index = Path(tempfile.gettempdir()) / "no.index"
    gate = open_gate(shipped_policies(), index, Keys(), SystemClock(), EventList())
    sys.stdout.write(
        "corpus | case | half | touched | covered | leak-free | false alarm | ms each\n"
    )
    for path in sorted((Path(root) / "phi").glob("*.jsonl")):
        if names and not any(name in path.name for name in names):
            continue
        gold = list(read_corpus(path))
        name = path.name.split(".")[0]
        for case, change in CASES.items():
            changed = [_change(document, change) for document in gold]
            _report(gate, name, case, changed)
            if name.startswith("asq"):
                _report(gate, f"{name}, one each", case, _reduce(changed))
            if name.startswith("aci"):
                _report(gate, f"{name}, patients", case, [_only(one, "PATIENT") for one in changed])
    return 0


def _reduce(gold: list[GoldDocument]) -> list[GoldDocument]:
    return [reduced for document in gold for reduced in reduce_to_one(document)]


def _only(document: GoldDocument, label: str) -> GoldDocument:
    spans = tuple(span for span in document.spans if span.label == label)
    return GoldDocument(document.document_id, document.text, spans)


def _change(document: GoldDocument, change) -> GoldDocument:
    text = "".join(change(c) if len(change(c)) == 1 else c for c in document.text)
    return GoldDocument(document.document_id, text, document.spans)


def _report(gate, name: str, case: str, gold: list[GoldDocument]) -> None:
    begun = time.process_time()
    verdicts = []
    for first in range(0, len(gold), 64):
        verdicts += gate.inspect_many([document.text for document in gold[first : first + 64]])
    each = 1000 * (time.process_time() - begun) / len(gold)
    for half in (0, 1):
        chosen = [at for at, one in enumerate(gold) if _half(one.document_id) == half]
        score = score_gate([gold[at] for at in chosen], [verdicts[at] for at in chosen])
        sys.stdout.write(f"{name} | {case} | {HALVES[half]} | {_line(name, score)} | {each:.1f}\n")
        sys.stdout.flush()


def _line(name: str, score: GateScore) -> str:
    rates = (score.touched, score.covered, score.leak_free)
    alarms = "-" if name.startswith("aci") else _show(score.false_alarms)
    return " | ".join([*map(_show, rates), alarms])


def _show(rate: Rate) -> str:
    return "-" if rate.value is None else f"{100 * rate.value:.1f} ({rate.hits}/{rate.total})"


def _half(document_id: str) -> int:
    return int(hashlib.sha256(document_id.split("#", maxsplit=1)[0].encode()).hexdigest(), 16) % 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
