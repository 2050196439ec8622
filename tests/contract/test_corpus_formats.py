"""What every format of a corpus keeps: the examples, all of them, the same."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import BadInput
from appliance.records.examples import Example, Origin, Split
from appliance.records.spans import Relation, Span
from appliance.synthesis.curation.curator import example_id
from appliance.synthesis.curation.formats.fields import Unreadable
from appliance.synthesis.curation.formats.known import FORMATS
from appliance.synthesis.curation.formats.label_studio import labelling_config

# Lone surrogates come in at no door of the product.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@st.composite
def examples(draw):
    """A text of anything, spans anywhere in it but on white space, relations between them."""
    text = draw(TEXTS)
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    places = zip(edges[::2], edges[1::2], strict=False)
    spans = tuple(
        Span(start, end, draw(st.sampled_from(["Disease", "Drug"])))
        for start, end in places
        if text[start:end].strip() == text[start:end]
    )
    index = st.integers(0, max(len(spans) - 1, 0))
    pairs = draw(st.lists(st.tuples(index, index), max_size=2)) if spans else []
    relations = tuple(Relation(head, tail, "causes") for head, tail in pairs)
    weight = draw(st.floats(0, 1, width=32))
    origin, split = draw(st.sampled_from(Origin)), draw(st.sampled_from(Split))
    identity = example_id(text, spans)
    return Example(identity, text, spans, relations, "d-1", "m@1", split, weight, origin)


# Loading what reads and writes hf takes seconds.
ALL = [pytest.param(name, marks=[pytest.mark.slow] * (name == "hf")) for name in FORMATS]


@pytest.mark.parametrize("name", ALL)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(st.lists(examples(), min_size=1, max_size=4, unique_by=lambda one: one.example_id))
def test_nothing_is_lost_there_and_back(tmp_path_factory, name, corpus):
    """Text to the code point, spans, relations and where it came from; hf groups by split."""
    target = tmp_path_factory.mktemp("out") / "corpus"

    FORMATS[name].write(corpus, target)

    corpus.sort(key=lambda one: list(Split).index(one.split))
    found = sorted(FORMATS[name].read(target), key=lambda one: list(Split).index(one.split))
    assert found == corpus


@pytest.fixture
def one():
    text = "Aspirin \U0001f48a caused gastric\nulcer."
    spans = (Span(0, 7, "Drug"), Span(17, 30, "Disease"))
    relations = (Relation(0, 1, "causes"),)
    return Example(example_id(text, spans), text, spans, relations, "d", "m", Split.TRAIN, 0.5)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_there_is_not_overwritten(tmp_path, name, one):
    target = tmp_path / "corpus"
    target.write_text("mine")

    with pytest.raises(BadInput, match="already"):
        FORMATS[name].write([one], target)

    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b'[{"a": 1}]', b"a b\nc\td\n"])
def test_another_file_is_not_read(tmp_path, name, content):
    """It is told as no file of this format, or holds nothing; a library's error is not seen."""
    path = tmp_path / "corpus"
    path.write_bytes(content)

    with contextlib.suppress(Unreadable, OSError):
        assert list(FORMATS[name].read(path)) == []


def test_label_studio_is_corrected_by_its_last_annotation(tmp_path, one):
    """Its predictions are ours; a cancelled annotation counts as none."""
    target = tmp_path / "tasks.json"
    FORMATS["label-studio"].write([one], target)
    [task] = json.loads(target.read_text())
    assert [item["value"]["text"] for item in task["predictions"][0]["result"][:2]] == [
        "Aspirin",
        "gastric\nulcer",
    ]
    shorter = {
        "type": "labels",
        "id": "zz",
        "value": {"start": 25, "end": 30, "labels": ["Disease"], "text": "ulcer"},
    }
    task["annotations"] = [{"result": [shorter]}, {"result": [], "was_cancelled": True}]
    target.write_text(json.dumps([task]))

    [found] = FORMATS["label-studio"].read(target)

    assert found.spans == (Span(25, 30, "Disease"),)
    assert found.relations == ()


def test_offsets_of_an_older_label_studio_are_told_by_the_words(tmp_path, one):
    """It counted in units of UTF-16; the pill is two of them."""
    target = tmp_path / "tasks.json"
    FORMATS["label-studio"].write([one], target)
    tasks = json.loads(target.read_text())
    for item in tasks[0]["predictions"][0]["result"][1:2]:
        item["value"]["start"] += 1
        item["value"]["end"] += 1
    target.write_text(json.dumps(tasks))

    assert next(iter(FORMATS["label-studio"].read(target))).spans == one.spans
    tasks[0]["predictions"][0]["result"][1]["value"]["start"] = 3
    target.write_text(json.dumps(tasks))
    with pytest.raises(Unreadable, match="task 1"):
        list(FORMATS["label-studio"].read(target))


def test_the_labelling_interface_names_every_label():
    """A label with a quote in it does not end the attribute."""
    interface = labelling_config(["Disease", 'a"b'])

    assert '<Label value="Disease"/>' in interface
    assert "'a\"b'" in interface


def test_brat_has_standoff_that_brat_reads(tmp_path, one):
    """An entity over the end of a line is in fragments; the types are declared."""
    FORMATS["brat"].write([one], tmp_path / "brat")

    annotations = (tmp_path / "brat" / f"{one.example_id}.ann").read_text().splitlines()
    assert annotations == [
        "T1\tDrug 0 7\tAspirin",
        "T2\tDisease 17 24;25 30\tgastric ulcer",
        "R1\tcauses Arg1:T1 Arg2:T2",
    ]
    configuration = (tmp_path / "brat" / "annotation.conf").read_text()
    assert "Disease\nDrug" in configuration
    assert "causes\tArg1:<ENTITY>, Arg2:<ENTITY>" in configuration


@pytest.mark.parametrize(
    "line", ["E1\tthing", "T1\tDrug 7 7\t", "R1\tcauses Arg1:T1 Arg2:T9", "T1 Drug 0 7 Aspirin"]
)
def test_a_broken_annotation_names_its_file(tmp_path, one, line):
    FORMATS["brat"].write([one], tmp_path / "brat")
    path = tmp_path / "brat" / f"{one.example_id}.ann"
    path.write_text(f"T1\tDrug 0 7\tAspirin\n{line}\n" if line[0] == "R" else line)

    with pytest.raises(Unreadable, match=path.name):
        list(FORMATS["brat"].read(tmp_path / "brat"))


def test_a_brat_index_leads_to_no_other_folder(tmp_path, one):
    FORMATS["brat"].write([one], tmp_path / "brat")
    index = tmp_path / "brat/examples.jsonl"
    index.write_text(index.read_text().replace(one.example_id, "../secret"))

    with pytest.raises(Unreadable, match="no name of a file"):
        list(FORMATS["brat"].read(tmp_path / "brat"))


def test_gliner_reads_its_two_keys(tmp_path, one):
    """First and last token of an entity, both counted in."""
    FORMATS["gliner"].write([one], tmp_path / "gliner.json")
    [row] = json.loads((tmp_path / "gliner.json").read_text())

    assert row["tokenized_text"] == ["Aspirin", "\U0001f48a", "caused", "gastric", "ulcer", "."]
    assert row["ner"] == [[0, 0, "Drug"], [3, 4, "Disease"]]


@pytest.mark.slow
def test_spacy_trains_on_the_docbin(tmp_path, one):
    """A blank pipeline's entity recognizer takes the docs as examples."""
    import spacy
    from spacy.tokens import DocBin
    from spacy.training import Example as Training

    FORMATS["docbin"].write([one], tmp_path / "train.spacy")
    nlp = spacy.blank("en")
    [doc] = DocBin().from_disk(tmp_path / "train.spacy").get_docs(nlp.vocab)

    assert [(entity.text, entity.label_) for entity in doc.ents] == [
        ("Aspirin", "Drug"),
        ("gastric\nulcer", "Disease"),
    ]
    assert Training(nlp.make_doc(doc.text), doc).get_aligned_ner()[0] == "U-Drug"


def test_conll_tags_decide_over_the_comment(tmp_path, one):
    """What a person changed in the tags is what comes back."""
    FORMATS["conll"].write([one], tmp_path / "corpus.conll")
    path = tmp_path / "corpus.conll"
    lines = path.read_text().replace("Aspirin\tB-Drug", "Aspirin\tO").split("\n")
    lines[0] = lines[0].replace('{"head": 0, "tail": 1, "label": "causes"}', "")
    path.write_text("\n".join(lines))

    [found] = FORMATS["conll"].read(path)

    assert found.spans == (Span(17, 30, "Disease"),)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Aspirin\tB-Drug", "Asprin\tB-Drug"),
        ("Aspirin\tB-Drug", "Aspirin\tI-Drug"),
        ("Aspirin\tB-Drug", "Aspirin B-Drug"),
        (".\tO\n", ""),
        ("# example = ", "# none = \t"),
        ('"d"', "d"),
    ],
)
def test_a_broken_conll_names_its_line(tmp_path, one, before, after):
    path = tmp_path / "corpus.conll"
    FORMATS["conll"].write([one], path)
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))

    with pytest.raises(Unreadable, match="line "):
        list(FORMATS["conll"].read(path))
