"""No vocabulary is made from the gold that it is to be scored on."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli.main import run
from appliance.cli.task import task
from appliance.errors import BadInput
from appliance.invented.hospital import invent
from appliance.learning.evaluation.apart import check_apart, find_overlaps, is_made_from
from appliance.learning.evaluation.gold import read_gold
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from appliance.records.tasks import Term
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import load_task, load_vocabulary

_SHIPPED = shipped_policies() / "labels"
_SYLLABLES = ("ba", "ce", "di", "fo", "gu")


def names(count):
    """So many names that no vocabulary knows."""
    pairs = [f"{one}{two}itis" for one in _SYLLABLES for two in _SYLLABLES]
    return [f"{pair} of the {organ}" for organ in ("liver", "skin") for pair in pairs][:count]


def gold_of(mentions, label="Disease"):
    return [
        GoldDocument(str(number), f"With {one}.", (Span(5, 5 + len(one), label),))
        for number, one in enumerate(mentions)
    ]


def terms_of(surfaces, label="Disease"):
    return [Term(one, (), (), label) for one in surfaces]


def write_gold(path, mentions):
    rows = [
        {
            "id": one.document_id,
            "text": one.text,
            "spans": [{"start": s.start, "end": s.end, "label": s.label} for s in one.spans],
        }
        for one in gold_of(mentions)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_vocabulary_of_the_golds_mentions_is_refused_alone_and_behind_another():
    _, shipped = load_task(_SHIPPED, "disease")

    with pytest.raises(BadInput, match="30 of this gold's 30 distinct mentions of Disease"):
        check_apart(terms_of(names(30)), gold_of(names(30)))
    with pytest.raises(BadInput, match="looks made from it"):
        check_apart([*shipped.terms, *terms_of(names(30))], gold_of(names(30)))


def test_mentions_hidden_among_synonyms_and_abbreviations_count():
    found = names(30)
    hidden = [Term(f"thing {at}", (one,), (), "Disease") for at, one in enumerate(found[:15])]
    hidden += [Term(f"matter {at}", (), (one,), "Disease") for at, one in enumerate(found[15:])]

    assert is_made_from([*hidden, *terms_of(names(50)[30:])], gold_of(found))


def test_capitals_and_spaces_round_a_hyphen_hide_nothing():
    """A file of tokens has "Ataxia - telangiectasia"."""
    spaced = [one.upper().replace(" OF ", " - of - ") for one in names(30)]

    assert is_made_from(terms_of(names(50)), gold_of(spaced))


def test_most_of_a_small_vocabulary_that_is_gold_is_enough():
    """Whoever takes a part of the mentions only holds little of the gold, and little else."""
    part = terms_of([*names(20), *(f"other {at}" for at in range(19))])

    assert is_made_from(part, gold_of(names(50)))
    assert not is_made_from([*part, *terms_of(["one more", "and more"])], gold_of(names(50)))


def test_one_type_made_from_gold_is_found_beside_an_honest_one():
    honest = terms_of((f"drug {at}" for at in range(500)), "Drug")

    assert is_made_from([*honest, *terms_of(names(30))], gold_of(names(30)))


def test_few_mentions_and_nine_in_ten_of_many_are_no_proof():
    """A small gold of common names stands in any good list."""
    broad = terms_of([*names(50), *(f"other {at}" for at in range(100))])

    assert not is_made_from(broad, gold_of(names(29)))
    assert not is_made_from(broad, gold_of([*names(45), *(f"rare {at}" for at in range(5))]))


def test_a_complaint_holds_no_word_of_the_gold():
    with pytest.raises(BadInput) as caught:
        check_apart(terms_of(names(30)), gold_of(names(30)))

    assert not any(word in str(caught.value) for name in names(30) for word in name.split()[:1])


@pytest.mark.parametrize("name", ["disease"])
def test_gold_of_the_invented_hospital_is_apart_from_the_shipped_sheet(name):
    _, vocabulary = load_task(_SHIPPED, name)

    check_apart(vocabulary.terms, invent().gold)


@pytest.mark.skipif("APPLIANCE_CORPORA" not in os.environ, reason="needs the public corpora")
def test_no_honest_vocabulary_is_refused_on_ncbi_disease_and_its_own_mentions_are():
    corpora = Path(os.environ["APPLIANCE_CORPORA"])
    shipped = load_task(_SHIPPED, "disease")[1].terms
    lists = [
        load_vocabulary(corpora / "vocab" / name, ("Disease",), "public").terms
        for name in ("diseases_mesh.tsv", "diseases_doid_2026-08.tsv")
    ]
    for part in ("train", "devel", "test"):
        gold = read_gold(corpora / "ner" / "ncbi-disease" / f"{part}.tsv", ("Disease",))
        own = terms_of(sorted({d.text[s.start : s.end] for d in gold for s in d.spans}))

        for terms in (shipped, *lists):
            check_apart(terms, gold)
            assert find_overlaps(terms, gold)[0].held < 0.4 * len(own)
            assert is_made_from([*terms, *own], gold)
        assert is_made_from(own, gold)


def test_task_validate_refuses_a_sheet_whose_vocabulary_is_gold(tmp_path, capsys):
    """Before a corpus is made."""
    gold, other = (
        write_gold(tmp_path / "test.jsonl", names(30)),
        write_gold(tmp_path / "other.jsonl", [f"strange {at}" for at in range(30)]),
    )
    (tmp_path / "disease.toml").write_bytes((_SHIPPED / "disease.toml").read_bytes())
    rows = (_SHIPPED / "disease.tsv").read_text() + "".join(f"{one}\t\t\n" for one in names(30))
    (tmp_path / "disease.tsv").write_text(rows)
    words = ["task", "validate", str(tmp_path / "disease.toml")]

    assert run([*words, "--gold", str(other)]) == 0
    assert run([*words, "--gold", str(other), "--gold", str(gold)]) == 2
    assert "test.jsonl: 30 of this gold's 30" in capsys.readouterr().err


def test_task_vocabulary_writes_nothing_that_is_gold(tmp_path):
    gold, source, out = (
        write_gold(tmp_path / "test.jsonl", names(30)),
        tmp_path / "list.tsv",
        tmp_path / "out.tsv",
    )
    words = [str(source), "--format", "tsv", "--label", "Disease", "--out", str(out)]
    source.write_text("\n".join(["name", *(f"strange {one}" for one in names(50))]))
    made = CliRunner().invoke(task, ["vocabulary", *words, "--gold", str(gold)])
    before = out.read_bytes()
    source.write_text("\n".join(["name", *names(30)]))

    refused = CliRunner().invoke(task, ["vocabulary", *words, "--append", "--gold", str(gold)])

    assert made.exit_code == 0
    assert isinstance(refused.exception, BadInput)
    assert out.read_bytes() == before
