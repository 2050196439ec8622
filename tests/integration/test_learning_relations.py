"""From a sheet that teaches a relation to an adapter that labels pairs, on any encoder."""

import json
from collections import Counter
from itertools import islice

import pytest
import torch
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import ApplianceError, BadInput, ManifestMismatch
from appliance.learning.adapters import WEIGHTS, read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.classifier import PairClassifier
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.lora import add_lora, load_adapted, load_classifier, save_weights
from appliance.learning.tokens.marking import MARKERS, mark
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.ledger.files import ENTRIES
from appliance.records.cards import HeadKind, PairTypes
from appliance.records.progress import Silent
from appliance.records.spans import Span
from appliance.settings.tasks import load_sheet_file
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.formats.jsonl import to_lines
from appliance.synthesis.prompting.pairs import pair_lines
from appliance.workflows.evaluate import evaluate
from appliance.workflows.site import init
from tests.lib.pair_task import write_pair_task
from tests.lib.tiny_corpora import make_card
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

pytestmark = pytest.mark.slow
CAUSES = PairTypes("causes", "Drug", "BadEvent")
LABELS = ("none", "causes")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A corpus of composed lines, and a tiny model of each family."""
    root = tmp_path_factory.mktemp("world")
    for family in FAMILIES:
        make_tiny_encoder(root / family, family, body_only=family != "modernbert")
    task = load_sheet_file(write_pair_task(root))
    judge = Curator(*task)
    taken = (judge.take_pair(line) for line in pair_lines(*task, 0))
    examples = list(islice((one for one in taken if one is not None), 150))
    (root / "corpora").mkdir()
    write_corpus(root / "corpora" / "pairs", make_card("pairs", "harm", examples), examples)
    return root


def config(world, out, family="bert", **changes):
    given = {
        "corpus": str(world / "corpora" / "pairs"),
        "base": str(world / family),
        "out": str(out),
        "name": out.name,
        "task": "harm",
        "corpus_name": "pairs",
        "base_name": family,
        "base_digest": "0" * 64,
        "types": ["Drug", "BadEvent"],
        "pairs": [{"label": "causes", "head": "Drug", "tail": "BadEvent"}],
        "made_at": "2026-11-23T00:00:00+00:00",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 12,
        "batch_tokens": 512,
        "base_dropout": False,
        "threads": 1,
    }
    return {**given, **changes}


def classify(adapter, base, *texts):
    classifier = PairClassifier.load(adapter, base, device="cpu", batch_tokens=512, dtype="float32")
    marked = []
    for text in texts:
        at = [text.index(mask) for mask in ("@DRUG$", "@EVENT$")]
        head, tail = Span(at[0], at[0] + 6, "Drug"), Span(at[1], at[1] + 7, "BadEvent")
        marked.append(mark(text, head, tail))
    return [label for label, _ in classifier.classify(marked)]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_learns_what_joins_a_pair(world, tmp_path, family):
    worker = InProcessWorker()

    fit(config(world, tmp_path / "reader", family, epochs=25), worker)

    card, _ = read_adapter(tmp_path / "reader")
    assert (card.kind, card.labels, card.pairs) == (HeadKind.RELATIONS, LABELS, (CAUSES,))
    assert card.markers == MARKERS
    assert worker.reported[-1]["loss"] < worker.reported[0]["loss"] / 2
    found = classify(
        tmp_path / "reader",
        world / family,
        "@DRUG$ caused @EVENT$ soon after it was begun.",
        "@DRUG$ was held; @EVENT$ was old.",
    )
    assert found == ["causes", "none"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reloaded_adapter_computes_the_same_logits(world, tmp_path, family):
    """Head, pooler and LoRA come back as they were, merged or not."""
    kind, base = HeadKind.RELATIONS, world / family
    torch.manual_seed(1)
    model = add_lora(load_classifier(base, LABELS, kind), kind, rank=4, alpha=8, dropout=0.0)
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.3)
    (tmp_path / "a").mkdir()
    save_weights(model, tmp_path / "a", "base")
    ids = torch.arange(5, 25).reshape(2, 10)

    torch.manual_seed(99)
    merged = load_adapted(base, tmp_path / "a", LABELS, kind).eval()
    with torch.inference_mode():
        before = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        after = merged(input_ids=ids, attention_mask=torch.ones_like(ids)).logits

    assert before.shape == (2, 2)
    assert before.abs().max() > 0.01
    assert torch.allclose(before, after, atol=1e-5)


def test_an_adapter_that_learned_nothing_is_refused(world, tmp_path):
    kind = HeadKind.RELATIONS
    model = load_classifier(world / "bert", LABELS, kind)

    with pytest.raises(ApplianceError, match="every LoRA weight at zero"):
        save_weights(add_lora(model, kind, rank=4, alpha=8, dropout=0.0), tmp_path, "base")
    assert not list(tmp_path.iterdir())


def test_an_adapter_without_its_head_is_refused(world, tmp_path):
    from peft import LoraConfig, get_peft_model

    classifier = load_classifier(world / "bert", LABELS, HeadKind.RELATIONS)
    model = get_peft_model(classifier, LoraConfig(target_modules=["query"]))

    with pytest.raises(ApplianceError, match="without its head"):
        save_weights(model, tmp_path, "base")


def test_an_adapter_of_relations_finds_no_entities(world, tmp_path):
    """Asked to, it says which adapter would."""
    fit(config(world, tmp_path / "reader", epochs=1), InProcessWorker())

    with pytest.raises(BadInput, match="labels pairs of entities and finds none itself"):
        AdapterLabeller.load(
            tmp_path / "reader",
            world / "bert",
            device="cpu",
            max_tokens=64,
            stride_tokens=8,
            batch_tokens=512,
            dtype="float32",
        )


def test_changed_weights_are_noticed(world, tmp_path):
    fit(config(world, tmp_path / "reader", epochs=1), InProcessWorker())
    weights = tmp_path / "reader" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")

    with pytest.raises(ManifestMismatch):
        classify(tmp_path / "reader", world / "bert", "@DRUG$ @EVENT$")


def test_evaluate_scores_pairs_beside_always_yes(world, tmp_path):
    """By the operator's command, on masked gold, with a line in the ledger."""
    site = init(tmp_path / "site", "air-gapped")
    run = CliRunner().invoke
    words = ["model", "import", str(world / "bert"), "--name", "tiny"]
    assert run(cli, [*words, "--site", str(site.paths.root)]).exit_code == 0
    base = ModelStore(site.paths.models).resolve("tiny")
    made = config(world, site.paths.adapters / "reader", epochs=25)
    fit({**made, "base_name": "tiny", "base_digest": base.digest}, InProcessWorker())
    gold = tmp_path / "gold.jsonl"
    rows = [
        ("@DRUG$ caused @BADEVENT$ soon after it was begun.", "1"),
        ("@DRUG$ was held; @BADEVENT$ was old.", "0"),
    ] * 8
    gold.write_text("\n".join(json.dumps({"text": t, "label": label}) for t, label in rows))

    card = evaluate(site.paths.root, adapter="reader", gold=gold, progress=Silent())
    shown = run(
        cli, ["evaluate", "--adapter", "reader", "--gold", str(gold), "--site", site.paths.root]
    )

    assert card.overall.macro_f1.value == card.overall.positive_f1.value == 1
    always = card.baselines["always yes"]
    assert (always.positive_f1.value, always.mcc.value) == (pytest.approx(2 / 3), 0)
    assert shown.exit_code == 0
    assert "always yes" in shown.stdout
    assert '"macro_f1":1.0' in (site.paths.ledger / ENTRIES).read_text()
    with pytest.raises(BadInput, match="vocabulary says nothing of relations"):
        evaluate(site.paths.root, adapter="reader", gold=gold, vocabulary=gold, progress=Silent())


def test_a_corpus_keeps_its_pairs(world):
    _, examples = read_corpus(world / "corpora" / "pairs")
    lines = [json.loads(line) for line in to_lines(examples)]

    assert Counter(len(line["relations"]) for line in lines) == {1: 150}
    for line, example in zip(lines, examples, strict=True):
        (pair,) = line["relations"]
        spans = [example.spans[pair[end]] for end in ("head", "tail")]
        assert [span.label for span in spans] == ["Drug", "BadEvent"]
