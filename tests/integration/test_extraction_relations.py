"""`appliance extract` of relations with nothing faked: site, vault, two adapters, Ray's workers."""

import json
import subprocess
from itertools import islice

import pytest

from appliance.cli.main import run
from appliance.clinical.extraction.reading import open_findings, open_relations
from appliance.clinical.extraction.run import extract as extract_ids
from appliance.clinical.reviewing.folder import read_queue
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.records.spans import Span
from appliance.settings.tasks import load_sheet_file
from appliance.synthesis.curation.corpus import write_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.prompting.pairs import pair_lines
from appliance.workflows import extract as workflow
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.review_queue import Wish, make_review
from appliance.workflows.site import init, open_site
from tests.lib.pair_task import write_pair_task
from tests.lib.tiny_corpora import make_card
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
SURNAME = "Quillfeather"
TEXTS = (
    "Aspirin caused rash soon after it was begun.",
    "warfarin was no cause of dry cough soon after it was begun.",
    f"Mx {SURNAME}. Takes morphine. Had nausea in spring.",
    "codeine caused headache on the day that it was begun.",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Notes of four kinds, an adapter of pairs, and one of entities trained on the same lines."""
    root = tmp_path_factory.mktemp("world")
    site = init(root / "site", "air-gapped")
    settings = site.paths.settings.read_text().replace(
        "object_store_mb = 256", "object_store_mb = 100"
    )
    site.paths.settings.write_text(settings)
    notes = (SourceNote(f"s-{n}", f"p-{n}", "note", "", TEXTS[n % 4]) for n in range(48))
    import_stream(site, notes, Silent())
    base = ModelStore(site.paths.models).import_directory(make_tiny_encoder(root / "bert"), "tiny")
    task = load_sheet_file(write_pair_task(site.paths.labels))
    judge = Curator(*task)
    taken = (judge.take_pair(line) for line in pair_lines(*task, 0))
    examples = list(islice((one for one in taken if one is not None), 150))
    write_corpus(root / "pairs", make_card("pairs", "harm", examples), examples)
    config = {
        "corpus": str(root / "pairs"),
        "base": str(base.path),
        "task": "harm",
        "corpus_name": "pairs",
        "base_name": "tiny",
        "base_digest": base.digest,
        "types": ["Drug", "BadEvent"],
        "made_at": "2026-11-23T00:00:00+00:00",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "batch_tokens": 512,
        "max_tokens": 64,
        "base_dropout": False,
        "threads": 1,
    }
    pairs = [{"label": "causes", "head": "Drug", "tail": "BadEvent"}]
    for name, change in (
        ("judge", {"pairs": pairs, "epochs": 25}),
        ("reader", {"epochs": 40}),
    ):
        out = str(site.paths.adapters / name)
        fit({**config, **change, "name": name, "out": out}, InProcessWorker())
    return open_site(site.paths.root)


def call(site, capfd, *arguments):
    code = run([*arguments, "--site", str(site.paths.root), "--json"])
    output, errors = capfd.readouterr()
    return code, json.loads(output) if code == 0 else errors


def extract(site, capfd, *arguments):
    return call(site, capfd, "extract", "--adapter", "judge", *arguments)


def relations_of(site, name):
    """What was related, in words, with how often."""
    directory = site.paths.findings / name
    with opened_vault(site) as vault:
        notes = {
            note.note_id: note.text for note in vault.read_identified(vault.note_ids(), "check")
        }
    found = [one for _, group in open_relations(directory) for one in group]
    words = {
        tuple(notes[one.note_id][end.start : end.end] for end in (one.head, one.tail))
        for one in found
    }
    return found, words


def test_a_dry_run_says_what_would_find_the_ends(site, capfd):
    """And writes nothing."""
    code, plan = extract(site, capfd, "--entities", "reader", "--out", "x", "--dry-run")
    assert (code, plan["notes"], list(plan["found_by"])) == (0, 48, ["reader"])

    code, plan = extract(site, capfd, "--out", "x", "--dry-run")
    assert (code, list(plan["found_by"])) == (0, ["names of harm.tsv"])
    assert not any(site.paths.findings.iterdir())


def test_a_real_adapter_relates_names_of_the_vocabulary(site, capfd):
    """In their sentence; ends are findings; ledger, card and files agree."""
    code, card = extract(site, capfd, "--out", "related")

    found, words = relations_of(site, "related")
    assert (code, card["quarantined"], card["labels"]) == (0, {}, {"Drug": 48, "BadEvent": 48})
    assert card["pairs"] == {"judged": 36, "left-out": 0}
    assert card["relations"] == {"causes": len(found)} == {"causes": 24}
    assert words == {("Aspirin", "rash"), ("codeine", "headache")}
    assert all(0.5 < one.score <= 1 for one in found)
    notes = dict(open_findings(site.paths.findings / "related")[1])
    for one in found:
        places = {Span(f.start, f.end, f.label) for f in notes[one.note_id]}
        assert {one.head, one.tail} <= places
    events = [json.loads(one) for one in read_bodies(site.paths.ledger, site.ledger.head().size)]
    [facts] = [one["facts"] for one in events if one["kind"] == "findings.extracted"]
    assert facts["relations"] == 24


def test_a_review_of_what_was_related_asks_for_its_ends(site):
    """The adapter that judged the pairs has no entity types of its own."""
    make_review(
        site.paths.root, "related", out="check", reason="check", wish=Wish(9, 2), progress=Silent()
    )

    assert read_queue(site.paths.reviews / "check").labels == ("BadEvent", "Drug")


def extract_here(site, out, *entities):
    """The same work in this process and not in Ray's workers; a white-box test."""
    job = workflow._prepare(site, "judge", workflow._Wanted(out, entities=entities))
    worker = job.make_worker()
    return extract_ids(
        lambda blocks: map(worker, blocks),
        job.note_ids,
        site.paths.findings / out,
        job.plan,
        recorder=site.ledger,
        policy_digest="p",
        made_at="2026-03-01T06:00:00+00:00",
        progress=Silent(),
    )


def test_whoever_does_the_work_the_relations_are_the_same_bytes(site, capfd):
    """Two of Ray's workers or this process; and asked again, it is done already."""
    extract_here(site, "here")
    size = site.ledger.head().size

    code, _ = extract(site, capfd, "--out", "related")

    assert code == 0
    events = list(read_bodies(site.paths.ledger, site.ledger.head().size))[size:]
    assert "vault.read" not in {json.loads(one)["kind"] for one in events}
    files = [
        [path.read_bytes() for path in sorted((site.paths.findings / name).glob("*-0*.parquet"))]
        for name in ("here", "related")
    ]
    assert len(files[0]) == 2
    assert files[0] == files[1]


def test_ends_may_be_found_by_an_adapter(site):
    """The card names it, with its digest."""
    card = extract_here(site, "read", "reader")

    assert card.found_by == {"reader": read_adapter(site.paths.adapters / "reader")[1]}
    assert card.findings > 0
    assert card.pairs["judged"] > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--adapter", "reader", "--entities", "reader"], "finds entities itself"),
        (["--adapter", "judge", "--entities", "judge"], "finds none itself"),
        (["--adapter", "judge", "--entities", "nobody"], "no adapter 'nobody'"),
    ],
)
def test_what_can_not_find_ends_is_said_at_once(site, capfd, arguments, complaint):
    code, errors = call(site, capfd, "extract", *arguments, "--out", "y")

    assert code == 2
    assert complaint in errors


def test_names_must_be_of_the_ends_types(site, capfd, tmp_path):
    """Before any worker starts; and none are taken that nobody would look up."""
    names = tmp_path / "names.tsv"
    names.write_text("name\tlabel\naspirin\tDrug\nwarfarin\tDrug\n")

    code, errors = extract(site, capfd, "--names", str(names), "--out", "y")
    assert (code, "no name of BadEvent" in errors) == (2, True)
    code, errors = extract(site, capfd, "--entities", "reader", "--names", str(names), "--out", "y")
    assert (code, "find every type already" in errors) == (2, True)


def test_the_patients_name_is_nowhere_in_clear(site):
    """Findings, relations, ledger, Ray's session and logs, shared memory."""
    found = subprocess.run(
        ["grep", "-rlai", SURNAME, str(site.paths.root), "/dev/shm"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""
