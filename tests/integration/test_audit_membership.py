"""An adapter that learned its texts by heart is told from one that learned their rule."""

import dataclasses
import random
import shutil

import pytest

from appliance.learning.adapters import read_adapter, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.audits import Standing
from appliance.records.examples import Example, Split
from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.spans import Span
from appliance.synthesis.curation.corpus import write_corpus
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.site import init
from tests.lib.audited_site import narrow_gate
from tests.lib.tiny_corpora import make_card
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow

TEXTS = 60
# As words; those of the first line stand for what only the members' notes say.
OURS, THEIRS = "abcdefghijklm", "nopqrstuvwxyz"
LABELLED = set("adgjmnqtwz")


def _texts(rng, *, by_rule):
    """Ten letters a text; which of them are labelled is known of both halves, or of one."""
    for number in range(2 * TEXTS):
        split = Split.TRAIN if number < TEXTS else Split.DEV
        known = OURS + THEIRS if by_rule else OURS if split is Split.TRAIN else THEIRS
        words = rng.choices(known, k=10)
        spans = tuple(
            Span(2 * at, 2 * at + 1, "Disease") for at, word in enumerate(words) if word in LABELLED
        )
        yield Example(
            ExampleId(f"x-{number:024x}"), " ".join(words), spans, (), DraftId("d-0"), "m", split
        )


@pytest.fixture(params=[False, True], ids=["by heart", "by rule"])
def site(request, tmp_path):
    """A site with an adapter of "site text", trained for real."""
    made = init(tmp_path / "site", "air-gapped")
    base = ModelStore(made.paths.models).import_directory(
        make_tiny_encoder(tmp_path / "base", "roberta"), "tiny"
    )
    examples = list(_texts(random.Random(11), by_rule=request.param))
    corpus = made.paths.corpora / "own"
    digest = write_corpus(corpus, make_card("own", "disease", examples), examples)
    made.ledger.record("corpus.written", {"corpus": "own", "digest": digest})
    # Training keeps its best epoch on dev; who overfits has not held any texts back.
    lessons = [one for one in examples if one.split is Split.TRAIN]
    again = [dataclasses.replace(one, split=Split.DEV) for one in lessons]
    both = [*lessons, *again]
    write_corpus(tmp_path / "lessons", make_card("lessons", "disease", both), both)
    config = {
        "corpus": str(tmp_path / "lessons"), "base": str(base.path), "out": str(tmp_path / "draft"),
        "name": "reader", "task": "disease", "corpus_name": "own", "base_name": base.name,
        "base_digest": base.digest, "types": ["Disease"], "made_at": "2026-11-27T00:00:00+00:00",
        "metrics": "", "epochs": 60, "learning_rate": 1e-2,
        "lora_rank": 16, "lora_alpha": 32, "batch_tokens": 512, "dropout": 0.0,
        "base_dropout": False,
    }  # fmt: skip
    fit(config, InProcessWorker())
    card, _ = read_adapter(tmp_path / "draft")
    adapter = write_adapter(
        made.paths.adapters / "reader",
        dataclasses.replace(card, site_only=True, corpus_digest=digest),
        lambda draft: _copy_weights(tmp_path / "draft", draft),
    )
    made.ledger.record("adapter.trained", {"name": "reader", "adapter_digest": adapter})
    return made, request.param


def _copy_weights(source, target):
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(source / name, target / name)


def test_what_was_learned_by_heart_is_found(site):
    opened, by_rule = site

    done = try_attacks(opened.paths.root, AuditOrder(payloads=1), open_gate=narrow_gate)
    [result] = [one for one in done.report.results if one.attack == "membership"]

    figures = {one.name.split(": ")[1]: one for one in result.estimates}
    area = figures["area under the curve"]
    if by_rule:
        assert result.standing is Standing.PASS
        assert area.low < 0.6
    else:
        assert [one.rule for one in result.problems] == ["membership.memorised"]
        assert area.low > 0.7
    assert result.charts[0].kind == "roc"
