"""Terminologies as their makers publish them become vocabularies that a label sheet can read."""

import json

import pytest
from click.testing import CliRunner

from appliance.cli.task import task
from appliance.errors import BadInput
from appliance.records.tasks import Term
from appliance.settings.tasks import load_vocabulary
from appliance.settings.vocabularies.selection import Selection, select_terms, to_tsv
from appliance.settings.vocabularies.sources import FORMATS, read_concepts

MESH = """<?xml version="1.0"?>
<!DOCTYPE DescriptorRecordSet SYSTEM "https://www.nlm.nih.gov/databases/dtd/nlmdescriptorrecordset_20260101.dtd">
<DescriptorRecordSet LanguageCode="eng">
<DescriptorRecord DescriptorClass="1"><DescriptorUI>D001</DescriptorUI>
<DescriptorName><String>Lupus Erythematosus, Systemic</String></DescriptorName>
<TreeNumberList><TreeNumber>C17.300.480</TreeNumber></TreeNumberList>
<ConceptList><Concept PreferredConceptYN="Y"><TermList>
<Term><String>Lupus Erythematosus, Systemic</String></Term><Term><String>SLE</String></Term>
<Term><String>Libman-Sacks Disease</String></Term><Term><String>Libman Sacks Disease</String></Term>
</TermList></Concept></ConceptList></DescriptorRecord>
<DescriptorRecord DescriptorClass="1"><DescriptorUI>D002</DescriptorUI>
<DescriptorName><String>Connective Tissue</String></DescriptorName>
<TreeNumberList><TreeNumber>A10.165</TreeNumber></TreeNumberList>
<ConceptList/></DescriptorRecord>
</DescriptorRecordSet>
"""
OBO = """format-version: 1.4

[Term]
id: DOID:4
name: disease

[Term]
id: DOID:2841
name: asthma
synonym: "bronchial hyperreactivity" EXACT []
synonym: "wheezing" RELATED []
is_a: DOID:4 ! disease

[Term]
id: DOID:9415
name: allergic asthma
synonym: "atopic \\"asthma\\"" EXACT [MESH:1]
is_a: DOID:2841 ! asthma

[Term]
id: DOID:9
name: old thing
is_obsolete: true

[Typedef]
id: part_of
name: part of
"""
DRUGBANK = """DrugBank ID,Accession Numbers,Common name,CAS,UNII,Synonyms,Standard InChI Key
DB00945,BIOD1 | A,Acetylsalicylic acid,50-78-2,R1,"Aspirin | ASA | 2-Acetoxybenzoic acid (USP)",B
DB00682,APRD1,Warfarin,81-81-2,5Q,,P
"""
HGNC = (
    "hgnc_id\tsymbol\tname\tstatus\talias_symbol\tprev_symbol\n"
    'HGNC:1100\tBRCA1\tBRCA1 DNA repair associated\tApproved\t"RNF53|BRCC1"\tPSCP\n'
    "HGNC:9\tOLD1\told gene\tEntry Withdrawn\t\t\n"
)
ICD = (
    "00001 J45     0 Asthma                                                       Asthma\n"
    "00002 J45901  1 Unsp asthma                                                  "
    "Unspecified asthma with exacerbation\n"
    "00003 E10     0 Type 1 diabetes mellitus                                     "
    "Type 1 diabetes mellitus\n"
)
TSV = (
    "doid\tname\tparents\tsynonyms\n1\tasthma\tdisease\twheeze\n2\tdisease\tasthma\t\n3\tgout\t\t\n"
)
FILES = {
    "mesh": MESH,
    "obo": OBO,
    "drugbank": DRUGBANK,
    "hgnc": HGNC,
    "icd10cm": ICD,
    "tsv": TSV,
}


def _terms(tmp_path, form, *, label="Disease", under=(), without=(), max_words=6):
    path = tmp_path / f"source.{form}"
    path.write_text(FILES[form], encoding="utf-8")
    selection = Selection(label, under, without, max_words)
    return {
        term.name: (term.synonyms, term.abbreviations)
        for term in select_terms(read_concepts(path, form), selection)
    }


def test_there_is_a_file_for_every_format():
    assert set(FILES) == set(FORMATS)


def test_mesh_names_are_turned_and_chosen_by_branch(tmp_path):
    """Catalogues put the head of a name first; a tissue is no disease."""
    assert _terms(tmp_path, "mesh", under=("C17",)) == {
        "Systemic Lupus Erythematosus": (("Libman-Sacks Disease",), ("SLE",))
    }


def test_obo_gives_exact_synonyms_and_what_lies_below(tmp_path):
    """Related names are other things; obsolete terms and typedefs are none."""
    assert _terms(tmp_path, "obo", under=("DOID:2841",)) == {
        "asthma": (("bronchial hyperreactivity",), ()),
        "allergic asthma": (('atopic "asthma"',), ()),
    }
    assert set(_terms(tmp_path, "obo", without=("DOID:2841",))) == {"disease"}
    assert set(_terms(tmp_path, "obo", under=("DOID:4",), without=("DOID:9415",))) == {
        "disease",
        "asthma",
    }


def test_drugbank_synonyms_are_split_and_remarks_left_out(tmp_path):
    assert _terms(tmp_path, "drugbank") == {
        "Acetylsalicylic acid": (("Aspirin",), ("ASA",)),
        "Warfarin": ((), ()),
    }


def test_hgnc_symbols_are_names_and_withdrawn_genes_are_none(tmp_path):
    assert _terms(tmp_path, "hgnc", label="Gene") == {
        "BRCA1": (("BRCA1 DNA repair associated",), ("RNF53", "BRCC1", "PSCP"))
    }


def read(tmp_path, content, form, label="Gene"):
    path = tmp_path / "source.txt"
    path.write_text(content, encoding="utf-8")
    terms = select_terms(read_concepts(path, form), Selection(label))
    return {term.name: (term.synonyms, term.abbreviations) for term in terms}


OLD_HGNC = (
    "hgnc_id\tsymbol\tname\tprevious_symbols\tsynonyms\n"
    "HGNC:5\tACF1\tAPOBEC1 complementation factor\tASP1, ASP2\tACF64|ACF65\n"
)


def test_aliases_of_an_older_hgnc_are_not_lost(tmp_path):
    """Its columns were called otherwise; without any of them the file is refused.

    A comma in a gene's name turns nothing round: nobody says "muscarinic factor APOBEC1".
    """
    assert read(tmp_path, OLD_HGNC, "hgnc") == {
        "ACF1": (("APOBEC1 complementation factor",), ("ACF64", "ACF65", "ASP1", "ASP2"))
    }
    assert read(tmp_path, OLD_HGNC.replace(" complementation", ", muscarinic"), "hgnc") == {
        "ACF1": ((), ("ACF64", "ACF65", "ASP1", "ASP2"))
    }
    with pytest.raises(BadInput, match="no column of other symbols"):
        read(tmp_path, "hgnc_id\tsymbol\tname\nHGNC:5\tACF1\tfactor\n", "hgnc")


def test_symbols_of_genes_are_not_lost_in_a_plain_table(tmp_path):
    [(name, (_, short))] = read(tmp_path, OLD_HGNC, "tsv").items()

    assert name == "APOBEC1 complementation factor"
    assert {"ACF1", "ACF64", "ACF65"} <= {*short}


@pytest.mark.parametrize("form", ["drugbank", "hgnc"])
def test_a_table_with_names_is_told_which_format_reads_it(tmp_path, form):
    with pytest.raises(BadInput, match="read it with --format tsv"):
        read(tmp_path, "drugbank_id\tname\nDB1\tLepirudin\n", form)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Diabetes Mellitus, Type 2", "Type 2 Diabetes Mellitus"),
        ("Anemia, Iron-Deficiency", "Iron-Deficiency Anemia"),
        ("Glycogen storage disease, type II", "type II Glycogen storage disease"),
        ("apolipoprotein L, 1", None),
        ("melanoma antigen family B, 1", None),
        ("mucopolysaccharidosis, IV", None),
        ("hepatitis, B", None),
        ("heart block, AV", "AV heart block"),
        ("tubulin, beta", "beta tubulin"),
        ("deficiency, antithrombin iii", "antithrombin iii deficiency"),
        ("solute carrier family 12, member 3", None),
    ],
)
def test_a_name_is_turned_only_where_words_qualify_it(tmp_path, written, said):
    """Nobody writes "1 apolipoprotein L"; what can't be turned is no name."""
    found = read(tmp_path, f"id\tname\n1\t{written}\n2\tgout\n", "tsv")

    assert set(found) == {"gout", *([said] if said else [])}


def test_icd_titles_that_nobody_writes_are_left_out(tmp_path):
    """Chosen by the beginning of a code."""
    assert set(_terms(tmp_path, "icd10cm")) == {"Asthma", "Type 1 diabetes mellitus"}
    assert set(_terms(tmp_path, "icd10cm", under=("J4",))) == {"Asthma"}


def test_a_ring_of_parents_ends(tmp_path):
    """A mistake in a table is no endless loop."""
    assert set(_terms(tmp_path, "tsv", under=("disease",))) == {"asthma", "disease"}


def test_a_name_stands_once_and_a_preferred_one_before_a_synonym(tmp_path):
    """Else two concepts would claim the same words."""
    path = tmp_path / "x.tsv"
    path.write_text("id\tname\tsynonyms\n1\tgout\tpodagra|GOUT|gouts\n2\tpodagra\tgouty toe|gout\n")

    terms = select_terms(read_concepts(path, "tsv"), Selection("Disease"))

    surfaces = [surface.casefold() for term in terms for surface in term.surfaces]
    assert sorted(surfaces) == ["gout", "gouty toe", "podagra"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_sheet_reads_what_comes_out(tmp_path, form):
    """Strictly: no column too many, no name twice."""
    _terms(tmp_path, form)
    concepts = read_concepts(tmp_path / f"source.{form}", form)
    out = tmp_path / "vocabulary.tsv"
    terms = select_terms(concepts, Selection("Thing"))
    # A vocabulary needs two terms; some of the files give one.
    out.write_text(to_tsv([*terms, Term("something else", (), (), "Thing")]))

    vocabulary = load_vocabulary(out, ("Thing",), "test", strict=True)

    assert [term.name for term in vocabulary.terms][: len(terms)] == [term.name for term in terms]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no such thing\n", b"<a/>", b"name\n"])
def test_another_file_is_refused(tmp_path, form, content):
    path = tmp_path / "source"
    path.write_bytes(content)

    with pytest.raises(BadInput):
        read_concepts(path, form)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        read_concepts(tmp_path / "absent.obo", "obo")


@pytest.mark.parametrize("option", ["under", "without"])
def test_a_place_that_is_not_there_is_said_so(tmp_path, option):
    """A typing error must not select nothing, or everything, in silence."""
    with pytest.raises(BadInput, match="nothing under C99"):
        _terms(tmp_path, "mesh", **{option: ("C99",)})


def test_nothing_left_is_said_so(tmp_path):
    with pytest.raises(BadInput, match="No name is left"):
        _terms(tmp_path, "drugbank", under=(), max_words=0)


def test_the_command_writes_once_and_counts(tmp_path):
    """As JSON; what is there is not overwritten; a dry run writes nothing."""
    source, out = tmp_path / "doid.obo", tmp_path / "asthma.tsv"
    source.write_text(OBO)
    words = ["vocabulary", str(source), "--format", "obo", "--label", "Disease", "--out", str(out)]
    words += ["--under", "DOID:2841", "--json"]
    runner = CliRunner()

    dry = json.loads(runner.invoke(task, [*words, "--dry-run"]).stdout)
    assert not out.exists()
    made = json.loads(runner.invoke(task, words).stdout)

    assert dry == made
    assert (made["concepts"], made["terms"], made["synonyms"]) == (3, 2, 2)
    assert out.read_text().startswith("name\tsynonyms\tabbreviations\tlabel\nallergic asthma\t")
    again = runner.invoke(task, words)
    assert isinstance(again.exception, BadInput)
