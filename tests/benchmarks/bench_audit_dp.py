# ruff: noqa: T201 - what a benchmark prints is its result
"""What differential privacy keeps from the audit's attacks: `make bench-audit-dp`.

Texts of plain words with labels drawn by lot are planted in a site, and the embedded encoder learns
them by heart: once without differential privacy, once for each epsilon that is named. Then the
audit's own attacks compare texts that were learned with as many that were not.

    python -m tests.benchmarks.bench_audit_dp 8 1        epsilons
    APPLIANCE_BENCH_TEXTS=N (40)
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from appliance.audits.attack import carry_out
from appliance.audits.membership import Membership
from appliance.audits.memorisation import Memorisation
from appliance.learning.basemodels.store import ModelStore
from appliance.records.audits import AttackResult
from appliance.records.progress import Silent
from appliance.workflows.audit_members import make_trials
from appliance.workflows.report.audit_page import in_figures, interval
from appliance.workflows.site import init
from tests.lib.planted import BY_HEART, draw_texts, train_planted, write_planted

TEXTS = int(os.environ.get("APPLIANCE_BENCH_TEXTS", "40"))


def attack(scratch: Path, epsilons: list[float]) -> tuple[AttackResult, ...]:
    """Both attacks on an adapter without differential privacy and on one for each epsilon."""
    site = init(scratch / "site", "air-gapped")
    base = ModelStore(site.paths.models).resolve("embedded-encoder")
    planted = write_planted(site, draw_texts(TEXTS, random.Random(7)), scratch)
    for name, epsilon in [("plain", 0.0), *((f"epsilon-{one:g}", one) for one in epsilons)]:
        began = time.process_time()
        card = train_planted(site, name, planted, base, scratch, **BY_HEART, epsilon=epsilon)
        print(f"{name}: trained in {time.process_time() - began:.0f} s of CPU, "
              f"F1 on what it was trained on {100 * card.dev_f1:.0f}", flush=True)  # fmt: skip
    trials, recalls = make_trials(site)
    return carry_out([Membership(trials), Memorisation(recalls)], Silent())


def main() -> None:
    """Train, attack, and print every figure with its 95 % interval."""
    epsilons = [float(one) for one in sys.argv[1:]] or [8.0]
    with tempfile.TemporaryDirectory() as folder:
        results = attack(Path(folder), epsilons)
    for result in results:
        print(f"{result.attack}: {result.standing.value}; {result.summary}")
        for one in result.estimates:
            told = f"  ({interval(one)})" if interval(one) else ""
            print(f"  {one.name}: {in_figures(one)}{told}")


if __name__ == "__main__":
    main()
