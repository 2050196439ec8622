# ruff: noqa: T201 - what a benchmark prints is its result
"""A hundred thousand damaged exports of all formats: `make bench-intake`; exit 1 if one crashes."""

import logging
import sys
import time
from collections import Counter
from random import Random

from appliance.clinical.intake.formats.pdf_worker import extract
from tests.lib.exports import EXPORTS
from tests.lib.mutations import mutate
from tests.property.test_intake_mutations import WHOLE, check


def main(count: int) -> int:
    """Every one is read or refused; how long the slowest took."""
    # pypdf warns with parts of what it reads; in the product it has a process without a voice.
    logging.disable(logging.CRITICAL)
    names = sorted(EXPORTS)
    failed: Counter[str] = Counter()
    slowest = 0.0
    for seed in range(count):
        name = names[seed % len(names)]
        content = mutate(WHOLE[name], Random(seed))
        begin = time.process_time()
        try:
            if name == "pdf":
                extract(content)
            else:
                check(name, content)
        except Exception as error:  # noqa: BLE001 - counted by its type
            failed[f"{name}: {type(error).__name__} with seed {seed}"] += 1
        slowest = max(slowest, time.process_time() - begin)
    print(f"{count:,} inputs, slowest {slowest:.2f} s of CPU, {failed.total()} failures")
    for line in sorted(failed)[:20]:
        print(f"  {line}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
