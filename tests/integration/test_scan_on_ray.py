"""Scanning in Ray's actors: the same verdicts in the same order, and nothing passes by accident."""

import io
import json
import subprocess

import pytest

from appliance.cli.main import run
from appliance.errors import ApplianceError, BadInput, IntegrityError
from appliance.ledger.files import ENTRIES
from appliance.records.progress import Silent
from appliance.records.verdicts import Decision
from appliance.workflows import scan_actors
from appliance.workflows.inputs import STDIN
from appliance.workflows.scan import scan
from appliance.workflows.site import init, open_site

CANARY = "Quackenbush"
CLEAN = "She has asthma and a dry cough, seen {n} times."
PERSONAL = "She has asthma; seen by Dr. Zebulon Quackenbush, MRN 0041{n}."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("scan")
    init(root / "site", "air-gapped")
    for name in ("a.jsonl", "b.jsonl"):
        texts = [(CLEAN if n % 3 else PERSONAL).format(n=n) for n in range(150)]
        lines = [json.dumps({"id": f"{name}-{n}", "text": text}) for n, text in enumerate(texts)]
        (root / name).write_text("\n".join(lines) + "\n\n")
    return root


def rows(site, *, actors, sources=("a.jsonl", "b.jsonl"), **changes):
    given = {"jsonl": True} | changes
    files = [site / name for name in sources]
    found = scan(site / "site", files, io.BytesIO(), Silent(), actors=actors, **given)
    return [(row.id, row.verdict) for row in found]


@pytest.fixture(scope="module")
def alone(site):
    """What one process says of all inputs."""
    return rows(site, actors=1)


def events(site):
    return (site / "site/ledger" / ENTRIES).read_text()


@pytest.mark.slow
def test_two_actors_say_what_one_process_says(site, alone):
    """Decision, findings, what was lifted, reason, policy; and the ledger has each denial once."""
    before = events(site).count("text.denied")

    assert rows(site, actors=2) == alone
    assert len(alone) == 300
    assert events(site).count("text.denied") - before == 100


@pytest.mark.slow
def test_whole_files_are_inputs_too_and_the_command_prints_the_same(site, capsys):
    """Each file one input, its name the id."""
    printed = []
    for actors in ("1", "2"):
        words = ["gate", "scan", str(site / "a.jsonl"), str(site / "b.jsonl"), "--actors", actors]
        assert run([*words, "--site", str(site / "site"), "--quick"]) == 0
        printed.append(capsys.readouterr().out)

    assert printed[0] == printed[1]
    assert printed[0].count("deny") == 2


@pytest.mark.slow
def test_what_stands_before_a_bad_line_is_ruled(site):
    """Then the line is complained of, by its number."""
    lines = (site / "a.jsonl").read_text().splitlines()[:3]
    (site / "bad.jsonl").write_text("\n".join([*lines, "not JSON"]))
    found = scan(site / "site", [site / "bad.jsonl"], io.BytesIO(), Silent(), jsonl=True, actors=2)

    seen = []
    with pytest.raises(BadInput, match="line 4"):
        seen.extend(row.id for row in found)
    assert [next(iter(json.loads(line).values())) for line in lines] == seen


@pytest.mark.slow
def test_an_actor_whose_gate_does_not_open_ends_the_scan(site):
    """No row, an error of the gate's own class, and no event of a text that passed."""
    policy = site / "site/policies/identifiers.toml"
    kept = policy.read_bytes()
    found = scan(site / "site", [site / "a.jsonl"], io.BytesIO(), Silent(), jsonl=True, actors=2)
    policy.write_text("not = [toml")
    try:
        with pytest.raises(ApplianceError):
            next(found)
    finally:
        policy.write_bytes(kept)


@pytest.mark.slow
def test_no_text_is_left_in_what_ray_wrote(site):
    """Session, logs and shared memory, after the scans above."""
    found = subprocess.run(
        ["grep", "-rlaE", CANARY, str(site / "site"), "/dev/shm"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""


def answer_with(monkeypatch, site, alone, change):
    """The actors' answers, as `change` leaves them, without Ray."""
    keys = open_site(site / "site").keys
    verdicts = dict(alone)

    def rule(_paths, _settings, blocks, make_worker, *, actors):
        assert make_worker.func is scan_actors.make_inspector
        assert actors == 2
        made = []
        for block in blocks:
            for place in block:
                line = (site / "ab"[place.source]).with_suffix(".jsonl").read_bytes()
                row = json.loads(line[place.start : place.start + place.size])
                content = scan_actors.content_id(keys, row["text"])
                made.append(scan_actors._to_record(content, verdicts[row["id"]]))
            yield [scan_actors._to_ruled(record) for record in change(made[-len(block) :])]

    monkeypatch.setattr("appliance.workflows.scan.rule_in_actors", rule)


@pytest.mark.parametrize(
    "change",
    [
        lambda records: records[:-1],
        lambda records: records[:0],
        lambda records: records[::-1],
        lambda records: [record | {"content": "0" * 24} for record in records],
        lambda records: [record | {"policy": "0" * 64} for record in records],
    ],
    ids=["too-few", "none", "out-of-order", "other-text", "other-policy"],
)
def test_a_verdict_on_anything_else_is_none(site, alone, monkeypatch, change):
    """Of another text, another order, another policy: the scan ends before its row is out."""
    answer_with(monkeypatch, site, alone, change)

    with pytest.raises(IntegrityError, match="changed while"):
        rows(site, actors=2)


def test_a_verdict_comes_back_as_it_was_made(site, alone, monkeypatch):
    """What an actor answers is the verdict to the last digit."""
    answer_with(monkeypatch, site, alone, lambda records: json.loads(json.dumps(records)))

    assert rows(site, actors=2) == alone
    assert {verdict.decision for _, verdict in alone} == set(Decision)


def test_standard_input_is_for_this_process(site):
    """It can't be read twice, nor by another process."""
    for sources in ([], [STDIN]):
        with pytest.raises(BadInput, match="lies nowhere"):
            list(scan(site / "site", [*sources], io.BytesIO(), Silent(), jsonl=True, actors=2))


def test_an_actor_writes_nothing_into_a_ledger():
    """One process does; a gate that does not open says so by its error."""
    recorder = scan_actors.RecordedByDriver()

    assert recorder.record("gate.closed", {}) == 0
    with pytest.raises(ApplianceError, match="may inspect"):
        recorder.record("text.denied", {})
