"""A dry run finds what the run would find: a name that is taken is told before hours of work."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from appliance.artifacts.manifest import read_manifest
from appliance.cli.main import run
from appliance.clinical.extraction.parts import opened_draft
from appliance.learning.adapters import WEIGHTS, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.records.cards import AdapterCard
from appliance.records.notes import SourceNote, withdrawal_of
from appliance.records.progress import Silent
from appliance.settings.tasks import load_task
from appliance.workflows import extract as extraction
from appliance.workflows.cohorts import save_cohort
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.site import init
from tests.lib.tiny_corpora import write_tiny_corpus


@pytest.fixture
def site(tmp_path):
    """A site with a base model, two corpora, an adapter made of the first, and a note."""
    site = init(tmp_path / "site", "air-gapped")
    write_tiny_corpus(site.paths.corpora / "first")
    write_tiny_corpus(site.paths.corpora / "second", "drug-adverse-event")
    base = ModelStore(site.paths.models).import_directory(make_model(tmp_path / "model"), "tiny")
    corpus = read_manifest(site.paths.corpora / "first", "corpus").digest
    write_adapter(site.paths.adapters / "reader", card_of(site, base.digest, corpus), save_weights)
    import_stream(site, [SourceNote("1", "P-1", "letter", "", "Seen today.")], Silent())
    return site


def make_model(directory, value=0.0):
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (directory / "tokenizer.json").write_text("{}")
    save_file({"w": np.full(3, value, dtype=np.float32)}, directory / "model.safetensors")
    return directory


def save_weights(directory):
    (directory / WEIGHTS).write_bytes(b"weights")


def card_of(site, base_digest, corpus_digest):
    learning = site.settings.learning
    return AdapterCard(
        name="reader",
        task="disease",
        base="tiny",
        base_digest=base_digest,
        corpus="first",
        corpus_digest=corpus_digest,
        labels=("O", "B-Disease", "I-Disease"),
        lora_rank=learning.lora_rank,
        lora_alpha=learning.lora_alpha,
        epochs=learning.epochs,
        examples=20,
        learning_rate=learning.learning_rate,
        max_tokens=learning.max_tokens,
        seed=learning.seed,
        final_loss=0.1,
        dev_f1=0.5,
        site_only=False,
        made_at="2026-03-01T06:00:00+00:00",
    )


def call(site, capsys, *words):
    """The exit code, and what is on stdout as JSON or the complaint."""
    code = run([*words, "--dry-run", "--json", "--site", str(site.paths.root)])
    output, errors = capsys.readouterr()
    return code, json.loads(output) if code == 0 else errors


def test_training_foresees_an_adapter_of_that_name(site, capsys):
    """Made of these parts it is there already; made of others the name is taken."""
    words = ["train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out"]
    other = ["train", "--task", "disease", "--corpus", "first", "--out", "reader"]

    assert call(site, capsys, *words, "new")[1]["is_there"] is False
    assert call(site, capsys, *words, "reader")[1]["is_there"] is True
    code, errors = call(site, capsys, *other)

    assert code == 2
    assert "made of other parts or settings" in errors
    assert [model.name for model in ModelStore(site.paths.models).list()] == ["tiny"]


def test_synthesis_foresees_a_corpus_of_that_name(site, capsys):
    """Finished with as many examples, with others, or something that was never finished."""
    words = ["synthesize", "--task", "disease", "--out"]
    (site.paths.corpora / "half").mkdir()
    sheet, _ = load_task(site.paths.labels, "disease")
    path = write_tiny_corpus(site.paths.root / "draft" / "same")
    card = json.loads((path / "card.json").read_text()) | {"sheet_digest": sheet.digest}
    remake(path, card, site.paths.corpora / "same")

    assert call(site, capsys, *words, "new", "--count", "9")[1]["is_there"] is False
    assert call(site, capsys, *words, "same", "--count", str(card["accepted"]))[1]["is_there"]
    for name, complaint in (("first", "another corpus first"), ("half", "no finished corpus")):
        code, errors = call(site, capsys, *words, name, "--count", "9")
        assert code == 2
        assert complaint in errors


def remake(path, card, target):
    from appliance.artifacts.manifest import write_manifest

    (path / "card.json").write_text(json.dumps(card))
    (path / "manifest.json").unlink()
    write_manifest(path, "corpus")
    path.rename(target)


def test_extraction_foresees_findings_of_that_name(site, capsys):
    """Other findings, or something else; and a vault without notes."""
    words = ["extract", "--adapter", "reader", "--out"]
    (site.paths.findings / "other").mkdir()

    assert call(site, capsys, *words, "new")[1]["is_there"] is False
    code, errors = call(site, capsys, *words, "other")

    assert code == 2
    assert "no finished extraction" in errors
    assert [path.name for path in site.paths.findings.iterdir()] == ["other"]


def test_extraction_foresees_an_empty_vault(site, capsys):
    erase(site.paths.root, "P-1")

    code, errors = call(site, capsys, "extract", "--adapter", "reader", "--out", "new")

    assert code == 2
    assert "notes import" in errors


def test_finished_findings_are_known_without_being_touched(site):
    """A draft that lacks its name only is left for the run to publish."""
    plan = extraction._prepare(site, "reader", extraction._Wanted("done", "parquet")).plan
    hidden = site.paths.findings / ".done.partial"
    hidden.mkdir()
    (hidden / "manifest.json").write_text("{}")

    planned = extraction.plan_extraction(site.paths.root, adapter="reader", out="done")

    assert planned.digest == plan.digest
    assert hidden.is_dir()


def test_a_stopped_extraction_goes_on_with_its_notes_though_others_came(site):
    """An import must not cost the parts that are finished; a patient's erasure does."""
    job = prepare(site, "long")
    with opened_draft(site.paths.findings / "long", job.plan) as draft:
        draft.keep_notes(job.note_ids, job.stamps)
    assert not prepare(site, "long").goes_on
    import_stream(site, [SourceNote("late", "P-2", "letter", "", "Gout.")], Silent())

    again = prepare(site, "long")

    assert again.goes_on
    assert (again.plan, again.note_ids, again.stamps) == (job.plan, job.note_ids, job.stamps)
    assert extraction.plan_extraction(site.paths.root, adapter="reader", out="long").goes_on
    for out, output_format in (("other", "parquet"), ("long", "jsonl")):
        other = prepare(site, out, output_format)
        assert (other.goes_on, len(other.note_ids)) == (False, len(job.note_ids) + 1)
    erase(site.paths.root, "P-1")
    assert not prepare(site, "long").goes_on


def test_a_stopped_extraction_goes_on_though_a_note_was_taken_back(site):
    """A hospital takes notes back every day; what is left of them is read all the same."""
    import_stream(site, [SourceNote("late", "P-2", "letter", "", "Gout.")], Silent())
    job = prepare(site, "long")
    with opened_draft(site.paths.findings / "long", job.plan) as draft:
        draft.keep_notes(job.note_ids, job.stamps)

    import_stream(site, [withdrawal_of("late", "P-2")], Silent())

    again = prepare(site, "long")
    assert (again.goes_on, again.note_ids) == (True, job.note_ids)
    with opened_vault(site) as vault:
        assert len(vault.note_ids()) == len(job.note_ids) - 1


def test_a_cohort_is_the_same_as_long_as_its_own_notes_are(site):
    """Whatever comes to the vault besides."""
    with opened_vault(site) as vault:
        save_cohort(site, "some", vault.note_ids(), "test")
    before = prepare(site, "new", cohort="some").plan

    import_stream(site, [SourceNote("late", "P-2", "letter", "", "Gout.")], Silent())
    beside = prepare(site, "new", cohort="some").plan
    import_stream(site, [SourceNote("1", "P-1", "letter", "", "Changed.")], Silent())
    changed = prepare(site, "new", cohort="some").plan

    assert beside == before
    assert changed.digest != before.digest
    job = prepare(site, "new", cohort="some")
    with opened_draft(site.paths.findings / "new", job.plan) as draft:
        draft.keep_notes(job.note_ids, job.stamps)
    whole = prepare(site, "new")
    assert (whole.goes_on, len(whole.note_ids)) == (False, 2)


def prepare(site, out, output_format="parquet", cohort=""):
    wanted = extraction._Wanted(out, output_format, cohort=cohort)
    return extraction._prepare(site, "reader", wanted)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("new", 1.0, None),
        ("tiny", 0.0, None),
        ("tiny", 1.0, "called 'tiny' already"),
        ("embedded-encoder", 1.0, "embedded model"),
        ("../up", 1.0, "letters, digits"),
    ],
)
def test_an_import_foresees_a_model_of_that_name(site, tmp_path, capsys, name, value, complaint):
    """The same bytes under the same name are no conflict."""
    source = make_model(tmp_path / "other", value)
    before = sorted(site.paths.models.rglob("*"))

    code, said = call(site, capsys, "model", "import", str(source), "--name", name)

    assert (code == 0) == (complaint is None)
    assert complaint is None or complaint in said
    assert sorted(site.paths.models.rglob("*")) == before


def test_an_import_of_the_embedded_models_names_those_that_are_missing(site, capsys):
    before = sorted(site.paths.models.rglob("*"))

    code, said = call(site, capsys, "model", "import", "--embedded")

    assert code == 0, said
    assert said == {
        "imported": False,
        "models": ["embedded-encoder", "embedded-language-model"],
    }
    assert sorted(site.paths.models.rglob("*")) == before


@pytest.mark.parametrize(
    "words", [(), ("--name", "x"), ("{}",), ("{}", "--embedded"), ("--name", "x", "--embedded")]
)
def test_an_import_is_of_one_directory_with_a_name_or_of_the_embedded(
    site, tmp_path, capsys, words
):
    given = [word.format(tmp_path) for word in words]

    assert call(site, capsys, "model", "import", *given)[0] == 2


def test_the_digest_foreseen_is_the_digest_given(site, tmp_path):
    """Files that stay outside and hidden ones included."""
    source = make_model(tmp_path / "other", 2.0)
    (source / "modeling.py").touch()
    (source / ".cache").mkdir()
    (source / "manifest.json").write_text("{}")
    store = ModelStore(site.paths.models)

    foreseen = store.foresee(source, "mine")

    assert store.import_directory(source, "mine").digest == foreseen
