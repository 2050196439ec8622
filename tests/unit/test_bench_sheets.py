"""The benchmarks of corpora read the label sheet of the site that a corpus lies in."""

import shutil

import pytest

from appliance.records.examples import Example, Split
from appliance.settings.policies import shipped_policies
from appliance.synthesis.curation.corpus import write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.workflows.site import init
from tests.benchmarks.bench_quality import labels_beside, main, told
from tests.lib.tiny_corpora import make_card


def write(directory, task):
    text = "Nothing was seen."
    made = [Example(example_id(text, ()), text, (), (), "d-1", "m@1", Split.TRAIN)]
    write_corpus(directory, make_card(directory.name, task, made), made)
    return directory


@pytest.fixture
def site(tmp_path):
    """A site with a sheet of its own, which the product does not have."""
    paths = init(tmp_path / "site", "air-gapped").paths
    shutil.copy(paths.labels / "disease.toml", paths.labels / "ours.toml")
    return paths


def test_a_corpus_is_read_by_the_sheet_of_its_own_site(site, tmp_path):
    corpus = write(site.corpora / "first", "ours")
    loose = write(tmp_path / "first", "disease")

    assert labels_beside(corpus) == site.labels.resolve()
    assert labels_beside(loose) == shipped_policies() / "labels"


def test_the_sheet_of_a_site_is_found_and_what_lacks_next_is_one_line(site, tmp_path, capsys):
    """The bench goes on to the gold, which is not there."""
    corpus = write(site.corpora / "first", "ours")

    code = told(main, [str(corpus), "gold.tsv", "--work", str(tmp_path / "work")])

    complaint = capsys.readouterr().err
    assert code == 2
    assert complaint.count("\n") == 1
    assert complaint.startswith("gold.tsv can't be read")


def test_a_sheet_that_is_nowhere_is_one_line(site, tmp_path, capsys):
    corpus = write(site.corpora / "first", "theirs")

    code = told(main, [str(corpus), "gold.tsv", "--work", str(tmp_path / "work")])

    assert code == 2
    assert capsys.readouterr().err.startswith("There is no label sheet 'theirs'.")
