"""The patient index by size: `python -m tests.benchmarks.bench_gate_index [PATIENTS...]`.

Invented patients with ten identifiers each. Prints seconds (wall clock, and of the processor) and
memory to write the index, seconds and memory to open it, and what it costs to look up one text of
a thousand characters that was never seen before, in microseconds of the processor.
"""

import random
import resource
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.gate import lexicon
from appliance.gate.patients.index import PatientIndex
from appliance.gate.patients.writing import write_index
from appliance.records.notes import PatientIdentifier

KEY = b"k" * 32
SIZES = (10_000, 100_000, 1_000_000)
TEXTS = 200


def main(arguments: list[str]) -> int:
    """One line per size; opening is measured in a process of its own."""
    if arguments[:1] == ["--open"]:
        return _open(Path(arguments[1]))
    sys.stdout.write(
        "patients | identifiers | hashes | file MB | write s | write CPU s | write peak MB | "
        "open s | open CPU s | opened MB | look-up us\n"
    )
    for size in [int(size) for size in arguments] or SIZES:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "patients.index"
            begin, begin_cpu = time.perf_counter(), time.process_time()
            count = write_index(path, invent_patients(size), KEY)
            wrote, wrote_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            opened = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.bench_gate_index", "--open", str(path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            megabytes = path.stat().st_size // 2**20
            hashes, rest = opened.split(" ", 1)
            written = f"{megabytes} | {wrote:.1f} | {wrote_cpu:.1f} | {peak}"
            sys.stdout.write(f"{size} | {count} | {hashes} | {written} | {rest}\n")
            sys.stdout.flush()
    return 0


def _open(path: Path) -> int:
    texts = list(_texts())
    # The word lists are the gate's, whatever the size of the index.
    PatientIndex.load(Path(tempfile.gettempdir()) / "no.index", KEY).detect(texts)
    lexicon.is_known_word("fever")
    before = _resident()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    index = PatientIndex.load(path, KEY)
    opened, opened_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    index.detect(texts[:20])
    begin = time.process_time()
    index.detect(texts[20:])
    each = 1e6 * (time.process_time() - begin) / len(texts[20:])
    grown = (_resident() - before) // 2**20
    sys.stdout.write(f"{len(index)} {opened:.2f} | {opened_cpu:.2f} | {grown} | {each:.0f}\n")
    return 0


def _resident() -> int:
    """Bytes of memory that are there now, mapped pages of the file included."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def invent_patients(count: int) -> Iterator[tuple[PatientIdentifier, ...]]:
    """So many patients with ten identifiers each, names drawn from the gate's own lists."""
    rng = random.Random(7)
    given = sorted(lexicon.given_names().clear | lexicon.given_names().doubtful)
    family = sorted(lexicon.family_names().clear | lexicon.family_names().doubtful)
    streets = sorted(lexicon.places("city").clear)
    for number in range(count):
        first, last = rng.choice(given).title(), rng.choice(family).title()
        day = f"{rng.randrange(1930, 2024)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        city = rng.choice(streets).title()
        yield tuple(
            PatientIdentifier(kind, value)
            for kind, value in (
                ("name", f"{first} {last}"),
                ("relative", f"{rng.choice(given).title()} {last}"),
                ("birth-date", day),
                ("mrn", f"{10_000_000 + 7 * number}"),
                ("phone", f"{rng.randrange(200, 999)}-555-{rng.randrange(10_000):04}"),
                ("email", f"{first[0]}{last}{number % 1000}@example.org".lower()),
                (
                    "ssn",
                    f"{rng.randrange(900, 999)}-{rng.randrange(99):02}-{rng.randrange(9999):04}",
                ),
                ("account", f"{rng.randrange(10**9, 10**10)}"),
                ("address", f"{rng.randrange(3, 980)} {rng.choice(streets).title()} Street"),
                ("city", city),
            )
        )


def _texts() -> Iterator[str]:
    """Texts of ordinary words, a few odd ones and numbers, a thousand characters each."""
    rng = random.Random(11)
    words = sorted(lexicon.english_words())
    for _ in range(TEXTS):
        text = ""
        while len(text) < 1000:
            kind = rng.random()
            if kind < 0.05:
                text += f"{rng.randrange(300)} "
            elif kind < 0.15:
                text += "".join(rng.choice(string.ascii_lowercase) for _ in range(8)) + " "
            else:
                word = rng.choice(words)
                text += (word.title() if kind < 0.25 else word) + " "
        yield text[:1000]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
