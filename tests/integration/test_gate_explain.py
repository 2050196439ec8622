"""`gate scan` and `gate explain`: what an operator sees of a denial, and what nobody sees."""

import json
from itertools import islice

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput, Denied
from appliance.gate.denials import denial_facts
from appliance.ledger.files import ENTRIES
from appliance.records.verdicts import Decision, Hit, Verdict
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.explain import Words, explain
from appliance.workflows.site import init, open_site

CLEAN = "She has asthma and a dry cough."
PERSONAL = "She has asthma; seen by Dr. Zebulon Quackenbush, MRN 00417722."
ON_TERMINAL = {"is_terminal": True}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A site, and a file of which one line was denied."""
    root = tmp_path_factory.mktemp("explain")
    init(root / "site", "air-gapped")
    lines = [{"id": "clean", "text": CLEAN}, {"id": "Quackenbush-7", "text": PERSONAL}]
    (root / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return root


@pytest.fixture
def call(scanned, capsys):
    def _call(*words):
        code = run(["gate", *words, "--site", str(scanned / "site")])
        out, err = capsys.readouterr()
        return code, out, err

    return _call


def _ledger(scanned):
    return (scanned / "site/ledger" / ENTRIES).read_text()


def test_a_scan_is_on_record_without_words_or_names(scanned, call):
    """Each denied input is an event under a keyed id; --check makes it the exit code."""
    code, out, err = call("scan", str(scanned / "in.jsonl"), "--jsonl", "--check")

    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 5
    assert [row["decision"] for row in rows] == ["allow", "deny"]
    assert set(rows[1]["findings"][0]) == {"start", "end", "entity", "score", "detector"}
    assert _ledger(scanned).count("text.denied") == 1
    assert "Quackenbush" not in _ledger(scanned) + err


def test_a_quick_scan_decides_the_same(scanned, call):
    """It may name fewer findings, never another decision."""
    whole, quick = (
        [
            json.loads(line)
            for line in call("scan", str(scanned / "in.jsonl"), "--jsonl", *more)[1].splitlines()
        ]
        for more in ((), ("--quick",))
    )

    assert [row["decision"] for row in whole] == [row["decision"] for row in quick]
    assert len(whole[1]["findings"]) > len(quick[1]["findings"]) > 0


def test_an_explanation_names_rules_and_offsets_and_no_word(scanned, call):
    """As table and as JSON."""
    call("scan", str(scanned / "in.jsonl"), "--jsonl")

    code, table, _ = call("explain", "Quackenbush-7")
    found = json.loads(call("explain", "Quackenbush-7", "--json")[1])

    assert code == 0
    assert found["rule"] == "identifier"
    assert found["count"] == len(found["findings"]) > 1
    assert any(PERSONAL[one["start"] : one["end"]] == "00417722" for one in found["findings"])
    assert all(one["words"] is None for one in found["findings"])
    assert "Zebulon" not in table + json.dumps(found)
    assert "record-by-cue" in table


def test_the_words_are_shown_on_a_terminal_only(scanned, call):
    """Here stdout is no terminal: refused, with the exit code of privacy."""
    call("scan", str(scanned / "in.jsonl"), "--jsonl")

    code, out, err = call(
        "explain", "Quackenbush-7", "--show-text", "--from", str(scanned / "in.jsonl"), "--jsonl"
    )

    assert code == 5
    assert out == ""
    assert "Zebulon" not in err
    with pytest.raises(Denied, match="terminal"):
        explain(scanned / "site", "Quackenbush-7", Words(is_terminal=False))


def test_on_a_terminal_the_words_are_read_again_from_the_source(scanned, call):
    """The ledger has that they were shown, and a changed source shows nothing."""
    call("scan", str(scanned / "in.jsonl"), "--jsonl")
    words = Words(**ON_TERMINAL, sources=(scanned / "in.jsonl",), jsonl=True)

    found = explain(scanned / "site", "Quackenbush-7", words)

    assert "00417722" in {one.words for one in found.findings}
    assert "Zebulon" not in repr(found)
    assert "finding.shown" in _ledger(scanned)
    (scanned / "other.jsonl").write_text(json.dumps({"id": "Quackenbush-7", "text": "Another."}))
    for sources in ((scanned / "other.jsonl",), ()):
        with pytest.raises(BadInput, match="not found again"):
            explain(
                scanned / "site", "Quackenbush-7", Words(**ON_TERMINAL, sources=sources, jsonl=True)
            )


def test_a_denied_draft_is_drawn_again(scanned):
    """Sheet and seed give the draft back; its words are nowhere on disk."""
    site = open_site(scanned / "site")
    draft = list(islice(drafts(*load_task(site.paths.labels, "disease"), 5), 30))[-1]
    verdict = Verdict(
        Decision.DENY, (Hit(3, 9, "PERSON", 0.6, "spacy"),), (), "identifier", site.policy_digest
    )
    site.ledger.record("prompt.denied", {"draft": draft.draft_id} | denial_facts(verdict))

    found = explain(scanned / "site", draft.draft_id, Words(**ON_TERMINAL, seed=5))

    assert [one.words for one in found.findings] == [draft.prompt[3:9]]
    assert found.findings[0].rule == "spacy"


def test_what_was_not_denied_is_not_explained(call):
    """A clear sentence, no traceback."""
    code, _, err = call("explain", "never-seen")

    assert code == 2
    assert "no denial of that id" in err
