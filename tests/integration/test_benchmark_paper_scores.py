"""The paper's table, on tiny adapters: what was asked directly is never taken for what was trained.

The language model is scripted: an engine of its own is measured elsewhere.
"""

import json
import re
from itertools import islice

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.ledger.files import ENTRIES
from appliance.records.progress import Silent
from appliance.settings.tasks import load_sheet_file, load_task
from appliance.synthesis.curation.corpus import write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.prompting.pairs import pair_lines
from appliance.workflows import benchmark
from appliance.workflows.asking import Answers
from appliance.workflows.evaluate import DICTIONARY, check_gold, evaluate
from appliance.workflows.evaluate_relations import ALWAYS_YES
from appliance.workflows.site import init, open_site
from tests.lib.pair_task import write_pair_task
from tests.lib.tiny_corpora import DISEASES, make_card, make_examples, write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
CAUSED, HELD = (
    "@DRUG$ caused @BADEVENT$ soon after it was begun.",
    "@DRUG$ was held; @BADEVENT$ was old.",
)
_DISEASE = re.compile("|".join(DISEASES))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A site with an adapter of entities and one of pairs, each trained in a few seconds."""
    root = tmp_path_factory.mktemp("paper")
    paths = init(root / "site", "air-gapped").paths
    make_tiny_encoder(root / "bert")
    words = ["model", "import", str(root / "bert"), "--name", "tiny", "--site", str(paths.root)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    write_tiny_corpus(paths.corpora / "first")
    task = load_sheet_file(write_pair_task(paths.labels))
    judge = Curator(*task)
    taken = (judge.take_pair(line) for line in pair_lines(*task, 0))
    pairs = list(islice((one for one in taken if one is not None), 150))
    write_corpus(paths.corpora / "pairs", make_card("pairs", "harm", pairs), pairs)
    # Few sentences, so many small steps: fewer left it with nothing found now and then.
    train(paths, "first", "reader", task="disease", types=["Disease"], epochs=60, batch_tokens=128)
    train(
        paths, "pairs", "joiner", task="harm", types=["Drug", "BadEvent"],
        pairs=[{"label": "causes", "head": "Drug", "tail": "BadEvent"}],
    )  # fmt: skip
    return paths


def train(paths, corpus, name, **changes):
    base = ModelStore(paths.models).resolve("tiny")
    given = {
        "corpus": str(paths.corpora / corpus),
        "base": str(base.path),
        "out": str(paths.adapters / name),
        "name": name,
        "corpus_name": corpus,
        "base_name": "tiny",
        "base_digest": base.digest,
        "made_at": "2026-11-23T00:00:00+00:00",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 25,
        "batch_tokens": 512,
        "base_dropout": False,
        "threads": 1,
    }
    fit({**given, **changes}, InProcessWorker())


@pytest.fixture(scope="module")
def golds(tmp_path_factory):
    """Sentences with diseases, and masked pairs of which half are related."""
    root = tmp_path_factory.mktemp("gold")
    spans, pairs = root / "spans.jsonl", root / "pairs.jsonl"
    spans.write_text(
        "\n".join(
            json.dumps(
                {
                    "id": one.example_id,
                    "text": one.text,
                    "spans": [
                        {"start": span.start, "end": span.end, "label": span.label}
                        for span in one.spans
                    ],
                }
            )
            for one in make_examples()
        )
    )
    rows = [(CAUSED, "1"), (HELD, "0")] * 8
    pairs.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    return spans, pairs


def answer(monkeypatch, names, says_yes):
    """A model that names `names(text)`, and says of a pair what `says_yes(text)` does."""

    def ask(_site, questions, _progress):
        texts = []
        for draft in questions:
            # The sentence in question stands last.
            text = draft.prompt.rpartition("Sentence: ")[2]
            is_pair = "DRUG" in text
            texts.append((" yes" if says_yes(text) else " no") if is_pair else f" {names(text)}")
        return Answers("scripted@0", tuple(texts), (False,) * len(texts))

    monkeypatch.setattr(benchmark, "ask_locally", ask)


def table(paths, golds):
    return benchmark.paper(
        paths.root,
        entities=benchmark.Arm("reader", golds[0]),
        relations=benchmark.Arm("joiner", golds[1]),
        progress=Silent(),
    )


def test_a_model_that_knows_nothing_leaves_the_adapters_their_scores(paths, golds, monkeypatch):
    """What was trained is what `evaluate` says of the same adapter, on the same file."""
    answer(monkeypatch, lambda _: "none", lambda text: "held" in text)
    reader, joiner = (
        evaluate(paths.root, adapter=name, gold=gold, progress=Silent())
        for name, gold in zip(("reader", "joiner"), golds, strict=True)
    )
    assert reader.overall.f1 > 0
    assert joiner.overall.positive_f1.value == 1

    found = table(paths, golds)

    assert (found.entities.direct.f1, found.entities.direct.predicted) == (0, 0)
    assert found.entities.trained == reader.overall
    assert found.entities.dictionary == reader.baselines[DICTIONARY]
    assert found.relations.direct.positive_f1.value == 0
    assert found.relations.trained == joiner.overall
    assert found.relations.always_yes == joiner.baselines[ALWAYS_YES]
    assert (found.entities.adapter, found.relations.adapter) == ("reader", "joiner")


def test_a_model_that_knows_all_is_scored_for_its_own_answers(paths, golds, monkeypatch):
    """Entities and pairs are asked in one go, and each row gets its own answers."""
    answer(
        monkeypatch,
        lambda text: "; ".join(_DISEASE.findall(text)) or "none",
        lambda text: "caused" in text,
    )

    found = table(paths, golds)

    gold = sum(len(one.spans) for one in make_examples())
    assert (found.entities.direct.f1, found.entities.direct.predicted) == (1, gold)
    assert found.relations.direct.macro_f1.value == 1
    assert (found.entities.asked.questions, found.relations.asked.questions) == (22, 16)


def test_the_ledger_keeps_which_score_is_which(paths, golds, monkeypatch):
    answer(monkeypatch, lambda _: "none", lambda text: "held" in text)

    found = table(paths, golds)

    line = [
        one for one in (paths.ledger / ENTRIES).read_text().splitlines() if "benchmark.paper" in one
    ][-1]
    for part in (
        '"entities_direct_f1":0.0',
        f'"entities_trained_f1":{round(found.entities.trained.f1, 4)}',
        '"relations_direct_f1":0.0',
        '"relations_trained_f1":1.0',
    ):
        assert part in line


def test_gold_that_the_vocabulary_was_made_from_is_told_before_a_model_is_asked(
    paths, tmp_path, monkeypatch
):
    names = [term.name for term in load_task(paths.labels, "disease")[1].terms[:40]]
    gold = tmp_path / "gold.jsonl"
    rows = [
        {"id": name, "text": name, "spans": [{"start": 0, "end": len(name), "label": "Disease"}]}
        for name in names
    ]
    gold.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(benchmark, "ask_locally", None)

    with pytest.raises(BadInput, match="40 of this gold's 40 distinct mentions"):
        benchmark.paper(
            paths.root,
            entities=benchmark.Arm("reader", gold),
            relations=None,
            progress=Silent(),
        )
    # Nor does a demo run for half an hour before it says so.
    with pytest.raises(BadInput, match="looks made from it"):
        check_gold(open_site(paths.root), "disease", gold)
