"""People go over a corpus: on the page in a browser, or with another tool; what they did counts."""

import json
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

from appliance.cli.corpus import corpus as command
from appliance.errors import BadInput
from appliance.ledger.proofs import read_bodies
from appliance.records.examples import Example, Origin, Split
from appliance.records.spans import UNRELATED, Relation, Span
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.workflows.corpus import NAMES, document_export, export_corpus
from appliance.workflows.ledger import verify
from appliance.workflows.review import apply_decisions, import_corpus, write_review
from appliance.workflows.site import init
from tests.lib.browser import opened
from tests.lib.frozen_clock import FrozenClock
from tests.lib.tiny_corpora import make_card


def example(text, surfaces, origin=Origin.WRITTEN, split=Split.TRAIN):
    spans = [Span(text.index(one), text.index(one) + len(one), "Disease") for one in surfaces]
    model = "m@1" if origin is Origin.WRITTEN else ""
    identity = example_id(text, spans)
    return Example(identity, text, tuple(spans), (), "d-1", model, split, 0.5, origin)


EXAMPLES = (
    example("Asthma \U0001f9ea and </script><b>gout</b> were seen.", ["Asthma", "gout"]),
    example("Nothing was seen.", []),
    example("COPD: stable", ["COPD"], Origin.COMPOSED, Split.DEV),
)


@pytest.fixture
def site(tmp_path):
    opened_site = init(tmp_path / "site", "air-gapped", FrozenClock())
    made = make_card("first", "disease", list(EXAMPLES))
    card = replace(made, routes={"vllm": 5}, drafts=6, denied=1, dropped={"length": 2})
    write_corpus(opened_site.paths.corpora / "first", card, EXAMPLES)
    return opened_site


def _card_of(browser, example):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.ID, example.example_id)


def _saved(downloads):
    for _ in range(600):
        if found := list(downloads.glob("*.json")):
            return found[0]
        time.sleep(0.1)
    pytest.fail("the page saved nothing")


@pytest.mark.slow
def test_decisions_made_in_a_browser_make_a_corpus(site, tmp_path):
    """Shown as it is labelled, decided by click and key, filtered, saved, taken back."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    page, downloads = tmp_path / "page.html", tmp_path / "saved"
    downloads.mkdir()
    write_review(site.paths.root, "first", page)

    with opened(page, downloads) as browser:
        marks = _card_of(browser, EXAMPLES[0]).find_elements(By.TAG_NAME, "mark")
        assert [mark.text.removesuffix("Disease").strip() for mark in marks] == ["Asthma", "gout"]
        assert EXAMPLES[0].text.split(" were")[0][-4:] == "</b>"
        assert "</script><b>" in _card_of(browser, EXAMPLES[0]).text

        _card_of(browser, EXAMPLES[0]).find_elements(By.TAG_NAME, "button")[0].click()
        last = _card_of(browser, EXAMPLES[2])
        browser.execute_script("arguments[0].focus()", last)
        last.send_keys("r")
        assert "reject" in last.get_attribute("class")
        counts = browser.find_element(By.ID, "counts")
        assert counts.text == "3 match; 1 accepted, 1 rejected, 1 open"

        Select(browser.find_element(By.ID, "decision")).select_by_value("open")
        [card] = browser.find_elements(By.TAG_NAME, "article")
        assert card.get_attribute("id") == EXAMPLES[1].example_id
        Select(browser.find_element(By.ID, "decision")).select_by_value("")
        browser.find_element(By.ID, "words").send_keys("ASTHMA")
        assert len(browser.find_elements(By.TAG_NAME, "article")) == 1
        browser.find_element(By.ID, "save").click()
        decisions = _saved(downloads)
        assert browser.get_log("browser") == []

        # The browser hands what a page keeps to another process, in its own time.
        for _ in range(20):
            browser.refresh()
            if "1 accepted, 1 rejected" in browser.find_element(By.ID, "counts").text:
                break
            time.sleep(0.5)
        else:
            pytest.fail("the page forgot what was decided")

    revision = apply_decisions(site.paths.root, "first", decisions, "second")
    assert (revision.kept, revision.relabelled, revision.left_out) == (2, 0, 1)
    card, kept = read_corpus(site.paths.corpora / "second")
    assert kept == EXAMPLES[:2]
    assert card.revision == {"kept": 2, "relabelled": 0, "left_out": 1}


def _decide(site, tmp_path, decisions, digest=None):
    page = tmp_path / "page.html"
    page.unlink(missing_ok=True)
    write_review(site.paths.root, "first", page)
    of = page.read_text().split('"digest": "')[1][:64]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({"digest": digest or of, "decisions": decisions}))
    return path


def test_the_card_says_what_people_did_and_the_ledger_too(site, tmp_path):
    """How the texts were made is the parent's; counts of examples are its own."""
    path = _decide(site, tmp_path, {EXAMPLES[0].example_id: "reject"})

    revision = apply_decisions(site.paths.root, "first", path, "second")

    card, examples = read_corpus(site.paths.corpora / "second")
    assert examples == EXAMPLES[1:]
    parent, _ = read_corpus(site.paths.corpora / "first")
    assert (card.drafts, card.dropped, card.routes) == (
        parent.drafts,
        parent.dropped,
        parent.routes,
    )
    assert (card.accepted, card.composed, card.models) == (1, 1, {"m@1": 1})
    assert (card.entities, card.without_entity) == ({"Disease": 1}, 1)
    assert card.parent.startswith("first@")
    last = json.loads(list(read_bodies(site.paths.ledger, site.ledger.head().size))[-1])
    assert last["kind"] == "corpus.revised"
    assert last["facts"]["digest"] == revision.digest
    assert not verify(site.paths.root).faults


def test_without_a_decision_an_example_stays_or_goes(site, tmp_path):
    """As the one who hands the decisions in says."""
    path = _decide(site, tmp_path, {EXAMPLES[0].example_id: "accept"})

    kept = apply_decisions(site.paths.root, "first", path, "all", dry_run=True)
    dropped = apply_decisions(
        site.paths.root, "first", path, "one", keep_undecided=False, dry_run=True
    )

    assert (kept.kept, dropped.kept) == (3, 1)
    assert not (site.paths.corpora / "one").exists()


@pytest.mark.parametrize(
    ("decisions", "digest", "complaint"),
    [
        ({"x-none": "reject"}, None, "not in this corpus"),
        ({}, "0" * 64, "another corpus"),
        ({EXAMPLES[0].example_id: "maybe"}, None, "no decisions"),
        ({one.example_id: "reject" for one in EXAMPLES}, None, "No example is left"),
    ],
)
def test_decisions_that_do_not_fit_are_refused(site, tmp_path, decisions, digest, complaint):
    path = _decide(site, tmp_path, decisions, digest)

    with pytest.raises(BadInput, match=complaint):
        apply_decisions(site.paths.root, "first", path, "second")

    assert not (site.paths.corpora / "second").exists()


@pytest.mark.parametrize("form", ["jsonl", "conll", "label-studio", "gliner"])
def test_an_export_comes_back_as_a_corpus(site, tmp_path, form):
    """Nothing was changed, so every example is kept with its id, weight and origin."""
    target = tmp_path / "export"
    assert not list(export_corpus(site.paths.root, "first", form, target))

    revision = import_corpus(site.paths.root, target, form, "first", "second")

    assert (revision.kept, revision.relabelled, revision.left_out) == (3, 0, 0)
    assert read_corpus(site.paths.corpora / "second")[1] == EXAMPLES


@pytest.mark.parametrize("form", NAMES)
def test_an_export_of_pairs_comes_back_with_those_that_are_not_related(site, tmp_path, form):
    """In every format, byte for byte: half of what teaches pairs is pairs in no relation."""
    text = "BRCA1 was found in gout."
    spans = (Span(0, 5, "Gene"), Span(19, 23, "Disease"))
    pairs = tuple(
        replace(
            example(f"{label}: none", []),
            text=text + " " + label,
            spans=spans,
            relations=(Relation(0, 1, label),),
            example_id=example_id(text + " " + label, spans),
        )
        for label in ("gene-disease", UNRELATED)
    )
    card = replace(make_card("pairs", "gene-disease", list(pairs)), routes={"vllm": 2}, drafts=2)
    write_corpus(site.paths.corpora / "pairs", card, pairs)
    target = tmp_path / "export"
    assert not list(export_corpus(site.paths.root, "pairs", form, target))

    revision = import_corpus(site.paths.root, target, form, "pairs", "again")

    assert (revision.kept, revision.relabelled, revision.left_out) == (2, 0, 0)
    assert read_corpus(site.paths.corpora / "again")[1] == pairs


def _changed(tmp_path, site, change):
    lines = [json.loads(line) for line in export_corpus(site.paths.root, "first", "jsonl")]
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in change(lines)))
    return path


def test_what_a_person_labelled_anew_is_trusted(site, tmp_path):
    """One entity less, one example less: weight 1, a new id, the rest as it was."""

    def change(lines):
        lines[0]["spans"].pop()
        return lines[:2]

    path = _changed(tmp_path, site, change)

    revision = import_corpus(site.paths.root, path, "jsonl", "first", "second")

    assert (revision.kept, revision.relabelled, revision.left_out) == (1, 1, 1)
    [anew, same] = read_corpus(site.paths.corpora / "second")[1]
    spans = EXAMPLES[0].spans[:1]
    identity = example_id(EXAMPLES[0].text, spans)
    assert anew == replace(EXAMPLES[0], spans=spans, weight=1.0, example_id=identity)
    assert same == EXAMPLES[1]


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        (
            "text",
            "Mr Smith of Ward 7 has asthma and gout, as seen in the clinic.",
            "Change labels only",
        ),
        ("spans", [{"start": 0, "end": 6, "label": "Person"}], "label that the task"),
        ("relations", [{"head": 0, "tail": 1, "label": "causes"}], "label that the task"),
        ("spans", [{"start": 0, "end": 999, "label": "Disease"}], "beyond the text"),
        ("split", "test", "came from"),
    ],
)
def test_what_can_not_be_accounted_for_is_refused(site, tmp_path, field, value, complaint):
    """No text comes in this way, and no label that the task does not have; none is quoted."""

    def change(lines):
        lines[0][field] = value
        return lines

    path = _changed(tmp_path, site, change)

    with pytest.raises(BadInput) as refusal:
        import_corpus(site.paths.root, path, "jsonl", "first", "second")

    assert complaint in str(refusal.value)
    assert "Smith" not in str(refusal.value)
    assert not (site.paths.corpora / "second").exists()


def test_a_text_twice_is_refused(site, tmp_path):
    path = _changed(tmp_path, site, lambda lines: [*lines, lines[0]])

    with pytest.raises(BadInput, match="Example 4 has the text of one before"):
        import_corpus(site.paths.root, path, "jsonl", "first", "second")


def _many(site, count=12):
    """A corpus of so many texts with two names each."""
    made = [example(f"{at} had Asthma and gout today.", ["Asthma", "gout"]) for at in range(count)]
    write_corpus(site.paths.corpora / "many", make_card("many", "disease", made), made)
    return made


def _shift(line, by):
    fields = json.loads(line)
    for span in fields["spans"]:
        span["start"] += by
        span["end"] += by
    return json.dumps(fields)


def test_offsets_that_are_counted_otherwise_are_refused(site, tmp_path):
    """All spans shifted by two characters are no labels; nothing is written."""
    _many(site)
    lines = list(export_corpus(site.paths.root, "many", "jsonl"))
    path = tmp_path / "shifted.jsonl"
    path.write_text("".join(f"{_shift(line, 2)}\n" for line in lines))

    with pytest.raises(BadInput, match=r"24 of 24 spans .* the first in example 1"):
        import_corpus(site.paths.root, path, "jsonl", "many", "second")
    assert not (site.paths.corpora / "second").exists()


def test_a_few_spans_that_cut_words_are_taken_and_told(site, tmp_path):
    """Somebody may mark a part of a word; the command says where."""
    _many(site)
    lines = list(export_corpus(site.paths.root, "many", "jsonl"))
    path = tmp_path / "one.jsonl"
    path.write_text("".join(f"{line}\n" for line in [*lines[:4], _shift(lines[4], 2)]))
    words = ["import", str(path), "--of", "many", "--site", str(site.paths.root), "--json"]
    whole = tmp_path / "whole.jsonl"
    whole.write_text("".join(f"{line}\n" for line in [*lines[:4], _shift(lines[4], 2), *lines[5:]]))

    with pytest.raises(BadInput, match="2 of 10 spans"):
        import_corpus(site.paths.root, path, "jsonl", "many", "second")
    taken = CliRunner().invoke(command, [*words[:1], str(whole), *words[2:], "--out", "second"])

    assert json.loads(taken.stdout)["cut_words"] == 2
    assert json.loads(taken.stdout)["first_cut"] == 5
    assert "inside a word, the first in example 5" in taken.stderr


def test_what_cut_words_before_it_went_out_comes_back(site, tmp_path):
    made = [example(f"{at} has asthmatics.", ["asthma"]) for at in range(3)]
    write_corpus(site.paths.corpora / "parts", make_card("parts", "disease", made), made)
    path = tmp_path / "parts.jsonl"
    path.write_text("".join(f"{x}\n" for x in export_corpus(site.paths.root, "parts", "jsonl")))

    revision = import_corpus(site.paths.root, path, "jsonl", "parts", "second")

    assert (revision.kept, revision.cut_words) == (3, 0)


def test_words_without_spaces_between_them_are_marked_as_they_are(site, tmp_path):
    made = [example("\u60a3\u8005\u6709\u54ee\u5598\u75c5", [])]
    write_corpus(site.paths.corpora / "parts", make_card("parts", "disease", made), made)
    [line] = export_corpus(site.paths.root, "parts", "jsonl")
    fields = json.loads(line) | {"spans": [{"start": 3, "end": 5, "label": "Disease"}]}
    path = tmp_path / "parts.jsonl"
    path.write_text(json.dumps(fields))

    assert import_corpus(site.paths.root, path, "jsonl", "parts", "second").cut_words == 0


def test_label_studio_offers_labels_that_nobody_used(site):
    """Those of the site's sheet; of a task that the site has no more, those of the corpus."""
    made = [example("Nothing was seen.", [])]
    for task in ("drug-adverse-event", "drug-event-pairs", "gone"):
        write_corpus(site.paths.corpora / task, make_card(task, task, made), made)

    setups = {
        task: document_export(site.paths.root, task, "label-studio", None, dry_run=True).setup
        for task in ("drug-adverse-event", "drug-event-pairs", "gone")
    }

    assert '<Label value="Drug"/><Label value="AdverseEvent"/>' in setups["drug-adverse-event"]
    assert "<Relation" not in setups["drug-adverse-event"]
    assert f'<Relation value="{UNRELATED}"/>' in setups["drug-event-pairs"]
    assert setups["gone"].count("<Label ") == 1


def test_the_commands_say_what_they_did(site, tmp_path):
    """Page, decisions, export and import, each as JSON; a wrong pair of options is told."""
    runner = CliRunner()
    place = ["--site", str(site.paths.root), "--json"]
    page, target = tmp_path / "page.html", tmp_path / "tasks.json"

    def call(*words):
        result = runner.invoke(command, [*words, *place])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert call("review", "first", "--page", str(page), "--dry-run")["examples"] == 3
    assert not page.exists()
    call("review", "first", "--page", str(page))
    exported = call("export", "first", "--format", "label-studio", "--out", str(target))
    assert exported["setup"].startswith("<View>")
    words = ["import", str(target), "--format", "label-studio", "--of", "first", "--out", "second"]
    assert call(*words)["kept"] == 3
    decisions = _decide(site, tmp_path, {EXAMPLES[0].example_id: "accept"})
    words = ["review", "first", "--decisions", str(decisions), "--out", "third"]
    assert call(*words, "--undecided", "drop")["kept"] == 1
    assert runner.invoke(command, ["review", "first", *place]).exit_code == 2
    assert runner.invoke(command, [*words[:4], *place]).exit_code == 2
