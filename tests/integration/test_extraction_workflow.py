"""`appliance extract` with nothing faked: site, vault, LoRA adapter and Ray's workers."""

import json
import subprocess
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch

from appliance.cli.main import run
from appliance.clinical.extraction.reading import open_findings
from appliance.learning.adapters import read_adapter, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.lora import add_lora, load_classifier, save_weights
from appliance.learning.tokens.collating import collate
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.site import init, open_site
from tests.lib.tiny_corpora import write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
SURNAME = "Quillfeather"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Forty notes of one patient, one of them longer than any window, and a small adapter."""
    root = tmp_path_factory.mktemp("world")
    site = init(root / "site", "air-gapped")
    settings = site.paths.settings.read_text().replace(
        "object_store_mb = 256", "object_store_mb = 100"
    )
    site.paths.settings.write_text(settings)
    import_stream(
        site,
        (
            SourceNote(
                f"src-{n}",
                "p",
                "note",
                "",
                f"The patient has asthma. Mx {SURNAME}. " * (300 if n == 7 else 1),
            )
            for n in range(40)
        ),
        Silent(),
    )
    base = ModelStore(site.paths.models).import_directory(make_tiny_encoder(root / "bert"), "tiny")
    write_tiny_corpus(root / "corpus")
    config = {
        "corpus": str(root / "corpus"),
        "base": str(base.path),
        "out": str(site.paths.adapters / "reader"),
        "name": "reader",
        "task": "disease",
        "corpus_name": "tiny",
        "base_name": "tiny",
        "base_digest": base.digest,
        "types": ["Disease"],
        "made_at": "2026-03-01T06:00:00+00:00",
        "metrics": "",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 120,
        "batch_tokens": 128,
        "max_tokens": 64,
        "base_dropout": False,
        # Without, this tiny model is torn at some words, which a cheaper precision then decides.
        "dropout": 0.05,
    }
    fit(config, InProcessWorker())
    return open_site(site.paths.root)


def call(site, capfd, *arguments):
    code = run([*arguments, "--site", str(site.paths.root), "--json"])
    output, errors = capfd.readouterr()
    return code, json.loads(output) if code == 0 else errors


def test_a_dry_run_says_what_it_would_read(site, capfd):
    """No Ray, no event, no file."""
    code, plan = call(site, capfd, "extract", "--adapter", "reader", "--out", "dry", "--dry-run")

    assert (code, plan["notes"], plan["adapter"]) == (0, 40, "reader")
    assert not list(site.paths.findings.glob("*dry*"))


@pytest.fixture
def read(site, capfd):
    """What became of reading every note; read once, whichever test is the first that asks."""
    code, card = call(site, capfd, "extract", "--adapter", "reader", "--out", "f")
    assert code == 0, card
    return card


def test_every_note_is_read_by_a_real_adapter(site, read):
    """Offsets lie inside their notes; ledger and findings agree; the text stays in the vault."""
    assert (read["notes"], read["quarantined"]) == (40, {})
    rows = [
        row
        for path in sorted((site.paths.findings / "f").glob("part-*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    assert len(rows) == read["findings"] > 0
    with opened_vault(site) as vault:
        notes = {note.note_id: note for note in vault.read_identified(vault.note_ids(), "check")}
    assert all(0 <= row["start"] < row["end"] <= len(notes[row["note_id"]].text) for row in rows)
    bodies = read_bodies(site.paths.ledger, site.ledger.head().size)
    events = [json.loads(body) for body in bodies]
    facts = {event["kind"]: event["facts"] for event in events}
    assert facts["findings.extracted"]["findings"] == read["findings"]
    assert {"count": 40, "reason": "extraction"} in [
        event["facts"] for event in events if event["kind"] == "vault.read"
    ]


@pytest.mark.usefixtures("read")
def test_again_it_is_done_already(site, capfd):
    """At once, without Ray's workers reading a note; another format under that name is refused."""
    before = site.ledger.head().size

    code, _ = call(site, capfd, "extract", "--adapter", "reader", "--out", "f")
    refused, errors = call(
        site, capfd, "extract", "--adapter", "reader", "--out", "f", "--format", "jsonl"
    )

    assert (code, refused) == (0, 2)
    assert "Name others with --out" in errors
    bodies = list(read_bodies(site.paths.ledger, site.ledger.head().size))[before:]
    assert "vault.read" not in {json.loads(body)["kind"] for body in bodies}


def test_what_can_not_be_is_said_at_once(site, capfd):
    """An adapter that is not there, a name that is a path."""
    code, errors = call(site, capfd, "extract", "--adapter", "nobody", "--out", "g")
    assert code == 2
    assert "appliance train" in errors
    code, errors = call(site, capfd, "extract", "--adapter", "reader", "--out", "../g")
    assert code == 2
    assert "letters, digits" in errors


def test_the_patients_name_is_nowhere_in_clear(site):
    """Findings, ledger, Ray's session and logs, the whole site, shared memory."""
    found = subprocess.run(
        ["grep", "-rlai", SURNAME, str(site.paths.root), "/dev/shm"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""


@pytest.fixture
def reading_in(site):
    """Notes are read in another precision while the test runs."""
    usual = site.paths.settings.read_text()

    def read_in(dtype):
        table = usual[usual.index("[extraction]") :]
        site.paths.settings.write_text(
            usual.replace(table, table.replace('dtype = ""', f'dtype = "{dtype}"'))
        )

    yield read_in
    site.paths.settings.write_text(usual)


def places(site, findings):
    _, notes = open_findings(site.paths.findings / findings)
    return {(one.note_id, one.start, one.end, one.label) for _, found in notes for one in found}


def make_torn_adapter(site, name, text):
    """Of each word of the text it gives two labels the same logit, but for rounding."""
    card, _ = read_adapter(site.paths.adapters / "reader")
    base = ModelStore(site.paths.models).resolve("tiny").path
    encoder = Encoder.load(base)
    [encoded] = encoder.encode([text])
    block = collate(encoder, [encoded.ids])
    torch.manual_seed(0)
    model = add_lora(load_classifier(base, card.labels), rank=8, alpha=16, dropout=0.0).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "lora_B" in key:
                weight.normal_(0, 0.1)
        states = model(
            input_ids=torch.from_numpy(block.ids),
            attention_mask=torch.from_numpy(block.mask),
            output_hidden_states=True,
        ).hidden_states[-1][0]
        head = model.base_model.model.classifier.modules_to_save["default"]
        torn = torch.linalg.svd(states[encoded.first + block.offset].double())[2][-1]
        head.weight.copy_(torch.stack([torch.zeros(32), 10 * torn.float(), torch.zeros(32)]))
        head.bias.copy_(torch.tensor([0.0, 0.0, -100.0]))
    write_adapter(
        site.paths.adapters / name,
        replace(card, name=name),
        lambda draft: save_weights(model, draft, "tiny"),
    )


def events_since(site, before):
    bodies = list(read_bodies(site.paths.ledger, site.ledger.head().size))[before:]
    return [json.loads(body) for body in bodies]


@pytest.mark.usefixtures("read")
def test_a_cheaper_precision_reads_where_labels_stay(site, capfd, reading_in):
    """A sample is read in both first, and the ledger has it; findings are those of before."""
    reading_in("bfloat16")
    before = site.ledger.head().size

    code, card = call(site, capfd, "extract", "--adapter", "reader", "--out", "cheap")

    assert code == 0, card
    assert card["notes"] == 40
    assert places(site, "cheap") == places(site, "f") != set()
    kinds = [event["kind"] for event in events_since(site, before)]
    assert kinds == ["vault.read", "extraction.compared", "vault.read", "findings.extracted"]


def test_a_precision_that_changes_labels_is_refused(site, capfd, reading_in):
    """An adapter that is torn between two labels for each word: any rounding decides."""
    make_torn_adapter(site, "torn", "The patient has asthma. Mx Quillfeather. ")
    reading_in("bfloat16")
    before = site.ledger.head().size

    code, errors = call(site, capfd, "extract", "--adapter", "torn", "--out", "torn")

    assert code == 2
    assert "extraction.dtype" in errors
    assert not (site.paths.findings / "torn").exists()
    [compared] = [e for e in events_since(site, before) if e["kind"] == "extraction.compared"]
    assert compared["facts"]["passed"] is False
