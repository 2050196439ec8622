"""An alarm is lifted by the rule that explains it, and by no other; names stand."""

import pytest

from appliance.errors import BadInput, DetectorFailed
from appliance.gate import lexicon
from appliance.gate.explaining import is_explained
from appliance.gate.knowledge import find_lift
from appliance.gate.recognizers import names, places
from appliance.gate.vocabulary import Terms, load_terms
from appliance.records.verdicts import Hit

NOTHING = Terms([])


def lift(text, detector="spacy", entity="PERSON", score=0.6):
    """What lifts an alarm on the words between the brackets."""
    before, found, after = text.replace("]", "[").split("[")
    hit = Hit(len(before), len(before) + len(found), entity, score, detector)
    return find_lift(before + found + after, hit, NOTHING)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("known-words", "He has [chest pain] today."),
        ("known-words", "[Strict bed rest] was ordered."),
        ("eponym", "She has [Wilson's disease] and is well."),
        ("eponym", "She has [Wilson]'s disease and is well."),
        ("eponym", "Known [Wilson]-Graves syndrome, resolved."),
        ("eponym", "Known Wilson-[Graves] syndrome, resolved."),
        ("known-words", "Seen today [(with ]Wilson present)."),
        ("known-words", "Graves[, not seen] today."),
        ("plain-eponym", "No sign of [Kienbock] in the family."),
        ("named-measure", "The [Quuxian] score was 4."),
        ("small-letters", "The [quuxitas] was seen."),
        ("dose", "Given [Quuxavil] 50 mg daily."),
        ("symbol", "A mutation in [NRXN1] was seen."),
        ("symbol", "The [QTXR] was 17."),
        ("symbol", "It was qA'[s] turn."),
        ("citation", "As shown by [Quuxberg] et al in a study."),
        ("drug-ending", "He takes [Quuxapril] now."),
        ("spelled-like-a-word", "He had [Overoxygenation] then."),
        ("few-letters", "HE WAS TOLD TO USE THE [QUX] AT NIGHT."),
        ("public-code", "Coded as LOINC [45484-0] today."),
        ("medical-name", "The [Philadelphia] chromosome was found."),
        ("medical-name", "SHE TAKES [ST. JOHN'S] WORT."),
        ("medical-name", "Of the [Garden IV] kind."),
    ],
)
def test_the_rule_that_explains_it_lifts_it(rule, text):
    assert lift(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "Seen with [Jennifer Walsh] today.",
        "It was discussed with [Baker] today.",
        "Seen by [Quuxberg] today.",
        "The patient [SMITH] was seen.",
        "The town of [TYSTBERGA] was named.",
        "[Walsh] Wilson's disease.",
        "[Mark Baker] was seen.",
        "Seen in [Philadelphia] for a chromosome test.",
        "[Jennifer Philadelphia] chromosome.",
        "The Philadelphia chromosome of [Jennifer Walsh].",
        "JENNIFER [WALSH] WAS SEEN.",
    ],
)
def test_a_name_stands(text):
    assert lift(text) is None


@pytest.mark.parametrize(
    ("text", "lifted"),
    [
        ("Lives at [Box 8158] now.", None),
        ("Send it to [94103] now.", None),
        ("In [May 2021] it was 7.", "known-words"),
        ("The count was [5100] then.", "known-words"),
        ("FUSION OF [C5-6] WAS DONE.", "symbol"),
    ],
)
def test_numbers_of_an_address_stand(text, lifted):
    assert lift(text, "tagger", "LOCATION", 0.95) == lifted


@pytest.mark.parametrize(
    ("entity", "text", "lifted"),
    [
        ("LICENSE_NUMBER", "A [BRCA1] variant.", "few-digits"),
        ("LICENSE_NUMBER", "Licence [D4419032].", None),
        ("LICENSE_NUMBER", "Carries HLA-[B*5801] and is well.", "public-code"),
        ("PHONE_NUMBER", "At [911] now.", None),
    ],
)
def test_the_tagger_s_numbers_need_four_digits(entity, text, lifted):
    assert lift(text, "tagger", entity, 0.9) == lifted


@pytest.mark.parametrize(
    ("detector", "text", "lifted"),
    [
        ("family-name", "Known [Graves] disease.", "eponym"),
        ("family-name", "Seen by [Graves] today.", None),
        ("town", "From [Kawasaki] today.", None),
        ("town", "Known [Kawasaki] disease.", "eponym"),
        ("town", "The [Edinburgh] Postnatal Depression Scale.", "medical-name"),
        ("town", "Seen in [Edinburgh] with depression.", None),
    ],
)
def test_a_listed_name_is_lifted_by_its_disease_only(detector, text, lifted):
    assert lift(text, detector) == lifted


@pytest.mark.parametrize(
    ("entity", "text", "lifted"),
    [
        ("LOCATION", "A family from [Southeast Asia].", "larger-than-a-state"),
        ("LOCATION", "back from [Asia] today", "larger-than-a-state"),
        ("LOCATION", "[Asia] was seen today.", None),
        ("PERSON", "A call from [Asia] today.", None),
        ("LOCATION", "from [Quuxton Asia] today", None),
    ],
)
def test_a_part_of_the_world_is_no_address(entity, text, lifted):
    """45 CFR 164.514(b)(2)(i)(B): what is smaller than a state is one."""
    assert lift(text, "spacy", entity) == lifted


@pytest.mark.parametrize(
    ("text", "lifted"),
    [
        ("Known Charcot-[Marie]-Tooth disease.", "eponym"),
        ("Known to [marie.tooth]", None),
        ("Seen with [Marie] today.", None),
    ],
)
def test_a_url_without_a_mark_of_one_is_judged_as_a_word(text, lifted):
    assert lift(text, "tagger", "URL", 0.6) == lifted


def test_a_house_number_is_read_by_one_who_guesses_no_numbers():
    """The whole address may be taken for a place."""
    assert not is_explained("box 8158 there", has_capitals=True, with_numbers=False)
    assert is_explained("no chest pain", has_capitals=True, with_numbers=False)


@pytest.mark.parametrize("stretch", ["Box 8158 there", "Discussed with Baker", "by a@b", "on 1234"])
def test_what_could_be_somebody_s_is_read(stretch):
    assert not is_explained(stretch, has_capitals=True, with_numbers=True)


@pytest.mark.parametrize(
    "text",
    [
        "Nurse practitioner was here.",
        "Seen on MR cholangiography.",
        "SEEN ON MR CHOLANGIOGRAPHY",
        "Dr. and patient talked.",
        "THE PATIENT HAS TANNER STAGE III DISEASE.",
        "Chloride 104. A normal value.",
        "the ms contin dose",
        "SISTER TO BE CALLED",
        "Seen by the LEE team\n\nSmith",
        "Alexa\nJones and AMY",
        "seen in acute rehabilitation",
        "A mercy was shown; sharp pain.",
        "Ascension of the kidney. an atrium",
        "the hospital of note",
    ],
)
def test_words_of_medicine_name_nobody(text):
    """By the rules for names and places: weak titles, degrees, doubtful institutions, heads."""
    assert not [hit for hit in (*places.find(text), *names.find(text)) if _is_strong(text, hit)]


def _is_strong(text, hit):
    return hit.score >= 0.4 and hit.entity == "LOCATION" and not find_lift(text, hit, NOTHING)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seen at st. mary & joseph hospital", "st. mary & joseph hospital"),
        ("at Quuxton Hospital of the Ozarks today", "Quuxton Hospital of the Ozarks"),
        ("He went to Mercy today", "Mercy"),
        ("seen in Dallas, TX", "Dallas, TX"),
        ("at the University of Quuxton Hospital", "University of Quuxton Hospital"),
        ("treated in quuxton clinic", "quuxton clinic"),
        ("WENT TO ACME REHABILITATION", "ACME REHABILITATION"),
        ("at Quuxton Hospital in Big Quuxville now", "Quuxton Hospital in Big Quuxville"),
        ("at Quuxton Hospital in the morning", "Quuxton Hospital"),
        ("lives in Georgia now", "Georgia"),
        ("Called the Jackson office back.", "Jackson office"),
    ],
)
def test_a_place_is_found_with_all_its_words(text, found):
    hits = list(places.find(text))

    assert any(found in text[hit.start : hit.end] for hit in hits)


def test_a_place_has_no_comma_in_its_name():
    found = places.find("Seen in Oak, Quuxton Clinic")

    starts = [hit.start for hit in found if hit.detector == "facility"]
    assert starts == [len("Seen in Oak, ")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seen by nurse okonkwo today", "nurse okonkwo"),
        ("Mr. Scan was seen", "Mr. Scan"),
        ("Ms. Quuxberg was seen", "Ms. Quuxberg"),
        ("seen by A. Quuxberg, MD", "A. Quuxberg"),
        ("Rose B. was seen", "Rose B."),
        ("rose quackenbush was seen", "rose quackenbush"),
        ("Quackenbush, Jennifer", "Quackenbush, Jennifer"),
        ("seen by dr. r. lee", "dr. r. lee"),
        ("seen by A. B. Quuxberg, RN", "B. Quuxberg"),
        ("Jennifer was here", "Jennifer"),
    ],
)
def test_a_person_is_found_with_title_and_initials(text, found):
    assert any(found in text[hit.start : hit.end] for hit in names.find(text))


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("known EDA since birth", True),
        ("(EDA) in the family", True),
        ("known Eda since birth", False),
        ("KNOWN EDA SINCE BIRTH", False),
        ("EDA WALSH", False),
        ("known EDAR since birth", False),
    ],
)
def test_a_short_form_of_the_vocabulary_stands_in_capitals(text, covered):
    """Amid small letters; anywhere else Eda may be somebody."""
    start = text.upper().find("EDA")

    assert Terms(["ectodermal dysplasia", "EDA"]).covers(text, start, start + 3) is covered


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Rose\nQuackenbush was seen.", "Rose\nQuackenbush"),
        ("acute liver failure; ALF\nRegister: letter", "ALF"),
        ("polycythaemia vera\nRegister: letter", "vera"),
        ("Seen with Jennifer. Walsh came later.", "Jennifer. Walsh"),
        ("Seen by Quackenbush, Okonkwo, MD.", "Quackenbush, Okonkwo"),
    ],
)
def test_a_name_ends_with_its_line_sentence_or_comma(text, name):
    """What follows may be a name as well, but not of the same person."""
    assert all(name not in text[hit.start : hit.end] for hit in names.find(text))


def test_a_family_name_in_capitals_is_left_to_those_who_read():
    """Amid small letters it may be a short form; "OKONKWO" is for spaCy and the tagger to judge."""
    assert [hit.detector for hit in names.find("The Okonkwo was seen.")] == ["family-name"]
    assert not list(names.find("The OKONKWO was seen."))


def test_a_word_list_that_is_cut_short_raises(tmp_path, monkeypatch):
    """A detector without its words would pass what it should stop."""
    monkeypatch.setattr(lexicon, "_DATA", tmp_path)
    (tmp_path / "eponyms.tsv").write_text("# head\nwilson\n")

    for read in (lexicon.eponyms, lexicon.spelling_weights):
        with pytest.raises(DetectorFailed, match="missing or cut short"):
            read.__wrapped__()


def test_a_vocabulary_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"name\n\xff\n")
    with pytest.raises(BadInput, match="UTF-8"):
        load_terms(tmp_path)

    (tmp_path / "a.tsv").unlink()
    (tmp_path / "a.tsv").mkdir()
    with pytest.raises(BadInput, match="can't be read"):
        load_terms(tmp_path)


def test_a_vocabulary_lifts_its_own_terms(tmp_path):
    """Names, synonyms and short forms; other files of the directory are none of it."""
    (tmp_path / "a.tsv").write_text("name\tsynonyms\nQuux palsy\tZyx disease|Vuu quorb\n")
    (tmp_path / "b.toml").write_text("name = 'Jub quorb'")
    terms = load_terms(tmp_path)

    for text, lifted in (("Vuu quorb", "vocabulary"), ("Jub quorb", None)):
        hit = Hit(0, 3, "PERSON", 0.95, "tagger")
        assert find_lift(text, hit, terms) == lifted


@pytest.mark.parametrize(
    ("text", "covered"),
    [("xquux palsy here", False), ("Quux palsy. xquux palsy", True), ("the quux", False)],
)
def test_a_term_covers_where_it_stands_whole(text, covered):
    start = text.lower().find("quux")

    assert Terms(["quux palsy"]).covers(text, start, start + 4) is covered
