"""The ledger says which adapter is in use, and why; bytes that nobody judged are never in use."""

import json
import shutil

import pytest

from appliance.artifacts.manifest import write_manifest
from appliance.cli.main import run
from appliance.errors import BadInput
from appliance.learning.adapters import WEIGHTS, read_adapter, write_adapter
from appliance.records.registry import Standing
from appliance.workflows.registry import (
    choose_adapter,
    list_adapters,
    promote,
    refuse_retired,
    retire,
    show_adapter,
)
from appliance.workflows.site import init, open_site
from tests.unit.test_adapter_cards import make_card


@pytest.fixture
def site(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    for name in ("one", "two"):
        write_adapter(site.paths.adapters / name, make_card(name=name), save_weights)
    return site


def save_weights(directory):
    (directory / WEIGHTS).write_bytes(directory.name.encode())


def evaluate(site, name, f1=0.8):
    facts = {
        "adapter": name,
        "adapter_digest": read_adapter(site.paths.adapters / name)[1],
        "gold_digest": "a" * 64,
        "documents": 12,
        "f1": f1,
        "ci_low": round(f1 - 0.05, 4),
        "ci_high": round(f1 + 0.05, 4),
    }
    return site.ledger.record("adapter.evaluated", facts)


def test_an_adapter_that_nobody_evaluated_is_not_promoted(site):
    with pytest.raises(BadInput, match="Nobody has evaluated"):
        promote(site.paths.root, "one")

    assert show_adapter(site.paths.root, "one").standing is Standing.TRAINED


def test_an_evaluation_of_other_bytes_does_not_count(site):
    evaluate(site, "one")
    shutil.rmtree(site.paths.adapters / "one")
    write_adapter(site.paths.adapters / "one", make_card(name="one", seed=7), save_weights)

    with pytest.raises(BadInput, match="Nobody has evaluated"):
        promote(site.paths.root, "one")


def test_a_promotion_is_bound_to_digest_and_evaluation(site):
    entry = evaluate(site, "one")

    found = promote(site.paths.root, "one")

    assert found.standing is Standing.PROMOTED
    assert [one.entry for one in found.evaluations] == [entry]
    assert (found.evaluations[0].ci_low, found.evaluations[0].ci_high) == (0.75, 0.85)
    assert choose_adapter(open_site(site.paths.root), "disease") == "one"
    line = (site.paths.ledger / "entries.log").read_text().splitlines()[-1]
    event = json.loads(line.split(" ", 1)[1])
    assert event["kind"] == "adapter.promoted"
    assert event["facts"]["adapter_digest"] == found.digest
    assert event["facts"]["evaluation"] == entry


def test_one_adapter_of_a_task_is_promoted_at_a_time(site):
    for name in ("one", "two"):
        evaluate(site, name)
        promote(site.paths.root, name)

    standing = {one.card.name: one.standing for one in list_adapters(site.paths.root)}

    assert standing == {"one": Standing.TRAINED, "two": Standing.PROMOTED}


def test_promoting_twice_writes_once(site):
    evaluate(site, "one")
    promote(site.paths.root, "one")
    before = open_site(site.paths.root).ledger.head().size

    promote(site.paths.root, "one")

    assert open_site(site.paths.root).ledger.head().size == before


def test_a_retired_adapter_is_neither_chosen_nor_used_nor_promoted(site):
    evaluate(site, "one")
    promote(site.paths.root, "one")

    found = retire(site.paths.root, "one")

    assert found.standing is Standing.RETIRED
    with pytest.raises(BadInput, match="No adapter is promoted"):
        choose_adapter(site, "disease")
    with pytest.raises(BadInput, match="was retired"):
        refuse_retired(site, "one", found.digest)
    with pytest.raises(BadInput, match="was retired"):
        promote(site.paths.root, "one")


def test_a_promoted_adapter_that_was_exchanged_is_not_chosen(site):
    """Its place is the bytes', not the name's."""
    evaluate(site, "one")
    promote(site.paths.root, "one")
    (site.paths.adapters / "one" / WEIGHTS).write_bytes(b"others")
    write_manifest(site.paths.adapters / "one", "adapter")

    with pytest.raises(BadInput, match="not here any more"):
        choose_adapter(site, "disease")


def test_without_a_task_the_only_promoted_one_is_chosen(site):
    write_adapter(site.paths.adapters / "drug", make_card(name="drug", task="drugs"), save_weights)
    evaluate(site, "one")
    promote(site.paths.root, "one")
    assert choose_adapter(site, None) == "one"

    evaluate(site, "drug")
    promote(site.paths.root, "drug")

    with pytest.raises(BadInput, match="More than one"):
        choose_adapter(site, None)
    assert choose_adapter(site, "drugs") == "drug"


@pytest.mark.parametrize("verb", ["promote", "retire"])
def test_a_dry_run_changes_nothing(site, capsys, verb):
    evaluate(site, "one")
    before = site.ledger.head().size

    assert run(["adapter", verb, "one", "--dry-run", "--site", str(site.paths.root)]) == 0

    assert site.ledger.head().size == before
    assert "strict F1 80.0 (75.0 to 85.0)" in capsys.readouterr().out


def test_the_card_is_shown_whole(site, capsys):
    assert run(["adapter", "show", "one", "--json", "--site", str(site.paths.root)]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["card"]["corpus_digest"] == "0" * 64
    assert shown["card"]["base_digest"] == "1" * 64
    assert shown["card"]["epsilon"] is None
    assert shown["card"]["site_only"] is False
    assert shown["standing"] == "trained"


def test_an_adapter_whose_training_was_killed_before_its_record_says_how_to_mend_that(site, capsys):
    """Its bytes are whole, and the ledger knows nothing of them."""
    assert run(["adapter", "show", "one", "--site", str(site.paths.root)]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "not in the ledger: run the same `appliance train`" in shown
    assert "entry -1" not in shown


def test_an_adapter_that_is_not_there_is_bad_input(site, capsys):
    assert run(["adapter", "show", "gone", "--site", str(site.paths.root)]) == 2
    assert "no adapter" in capsys.readouterr().err
