# ruff: noqa: T201 - what a benchmark prints is its result
"""How far a link by similarity can be trusted: synonyms of MeSH that the vocabulary lacks.

Of every tenth concept with synonyms one synonym is taken out and linked: the concept should be its
own. Every tenth concept is taken out whole, and its name is linked: there should be none. MeSH's
synonyms are mostly plurals and other orders, so this is the easier half. APPLIANCE_CORPORA/vocab.
"""

import csv
import os
import random
from collections import Counter
from pathlib import Path

from appliance.clinical.extraction.linking import Linker, plain

_STEP = 0.02


def main() -> None:
    """Prints, by similarity, how many were linked and how many of these rightly."""
    path = Path(os.environ["APPLIANCE_CORPORA"]) / "vocab" / "diseases_mesh.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            (row["mesh_id"], [row["name"], *filter(None, row["synonyms"].split("|"))])
            for row in csv.DictReader(file, delimiter="\t")
        ]
    chance = random.Random(0)
    asked: list[tuple[str, str]] = []
    names: dict[str, set[str]] = {}
    strangers: list[str] = []
    for concept, own in rows:
        if chance.random() < 0.1:
            strangers.append(own[0])
            continue
        if len(own) > 2 and chance.random() < 0.1:
            asked.append((concept, own.pop(chance.randrange(1, len(own)))))
        for name in own:
            names.setdefault(plain(name), set()).add(concept)
    linker = Linker({name: frozenset(found) for name, found in names.items()})
    reasons: Counter[str] = Counter()
    right: Counter[float] = Counter()
    total: Counter[float] = Counter()
    for concept, words in asked:
        link = linker.link(words)
        reasons[link.reason.value] += 1
        if link.concept:
            step = round(link.score - link.score % _STEP, 2)
            total[step] += 1
            right[step] += link.concept == concept
    print(f"{len(asked):,} synonyms that the vocabulary lacks: {dict(reasons)}")
    for step in sorted(total):
        print(f"  similarity {step:.2f}: {right[step]} of {total[step]} rightly")
    print(f"  all: {right.total()} of {total.total()}")
    wrong = Counter(linker.link(name).reason.value for name in strangers)
    print(
        f"{len(strangers):,} names of concepts that it lacks: {dict(wrong)}; none should be linked"
    )


if __name__ == "__main__":
    main()
