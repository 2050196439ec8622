# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Medical knowledge that lifts an alarm, each time by a rule that names its evidence.

Only alarms of detectors that guess are lifted: spaCy, the tagger, bare words of a lexicon. A
number with a cue, a date, a titled name, a patient of the site never is. A rule looks at one hit
and the text around it, never at other hits, so lifting can't depend on what else was found. It
lifts a hit only where every word of the hit is explained: a name beside an eponym still alarms.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from appliance.gate import lexicon
from appliance.gate.casing import recase
from appliance.gate.recognizers.words import uses_capitals
from appliance.gate.spelling import is_spelled_like_a_word
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit

_GUESSING: Final = frozenset({"spacy", "tagger", "unknown-words", "initial-and-name"})
# Words of a lexicon: only an eponym's own phrase lifts them.
_LISTED: Final = frozenset(
    {"given-name", "given-name-doubtful", "family-name", "town", "institution"}
)
_KINDS: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
_MIN_DIGITS: Final = 4
# A model that is this sure is not overruled by spelling alone.
_SURE: Final = 0.9
# Four digits or more that are no year.
_HOUSE_NUMBER: Final = re.compile(r"(?<![\d.,])(?!(?:19|20)\d\d(?!\d))\d{4,6}(?![\d.,])")
_HEADS: Final = (
    r"(?:diseases?|syndromes?|disorders?|signs?|tests?|scores?|scales?|index|indices|criteri(?:a|on)|"
    r"class(?:ification)?s?|stag(?:e|ing)|grad(?:e|ing)|reflex(?:es)?|maneuvers?|manoeuvres?|"
    r"procedures?|operations?|repairs?|resections?|surgery|techniques?|approach|incision|graft|flap|"
    r"stitch|suture|fractures?|dislocations?|contractures?|deformit(?:y|ies)|injur(?:y|ies)|palsy|"
    r"paralysis|paresis|ataxia|chorea|dystrophy|dementia|encephalopathy|aphasia|epilepsy|seizures?|"
    r"lymphomas?|sarcomas?|tumou?rs?|carcinomas?|leuka?emia|melanoma|cysts?|nodes?|nodules?|bodies|"
    r"body|cells?|glands?|ligaments?|tendons?|canals?|ducts?|ganglion|muscles?|angle|line|point|"
    r"triangle|space|pouch|fossa|foramen|fibers?|membrane|loop|capsule|corpuscles?|granules?|rings?|"
    r"nerve|artery|vein|valve|catheters?|tubes?|drains?|bags?|lines?|ports?|needles?|wires?|pins?|"
    r"plates?|rods?|nails?|screws?|splints?|casts?|brac(?:e|es)|collars?|frames?|pumps?|shunts?|"
    r"stents?|filters?|monitors?|clamps?|forceps|retractors?|scopes?|masks?|bandages?|dressings?|"
    r"boots?|stockings?|stain(?:ing)?|smears?|cultures?|agar|medium|respirations?|breathing|sounds?|"
    r"murmurs?|waves?|rhythm|pulse|gait|posture|phenomen(?:on|a)|effect|law|rule|formula|equation|"
    r"method|nomogram|curve|chart|plot|model|stud(?:y|ies)|trials?|cohort|register|questionnaire|"
    r"inventory|interview|assessment|exam(?:ination)?|scan|view|position|transfer|virus(?:es)?|"
    r"fever|rash|spots?|lines|nodosum|ulcers?|gangrene|goiter|goitre|thyroiditis|colitis|ileitis|"
    r"esophagus|oesophagus|diverticulum|hernias?|anemia|anaemia|purpura|arteritis|vasculitis|"
    r"granulomatosis|nephr(?:itis|oblastoma|opathy)|angina|an(?:a)?emia|block|arrhythmias?|"
    r"tachycardia|tetralogy|anomal(?:y|ies)|malformations?|aneurysms?|thrombo(?:sis|phlebitis)|"
    r"hydatid|phlegmon|macroglobulin(?:a)?emia|hyperplasia|h(?:a)?emangioma|neuromas?|neuralgia|"
    r"osteo\w+|chondritis|arthropathy|spondylitis|joints?|foot|toe|finger|hand|spine|neck|knee|hip|"
    r"elbow|depth|thickness|level|class|type|group|phase|category|guidelines?|protocols?|regimens?|"
    r"therapy|treatment|diets?|exercises?|technique|anastomosis|pouch|stoma|pouches|biopsy|"
    r"degeneration|dystrophies|cirrhosis|insufficiency|crisis|coma|psychosis|amnesia|delusion|hand|"
    r"fasciae?|reservoirs?|dilators?|dissectors?|scissors|elevators?|rongeurs?|curett?es?|speculums?|"
    r"trocars?|cannulas?|blades?|dynamomet(?:er|ry)|pickups|recipe|solution|projection|gene|"
    r"risk|factor|antigen|antibod(?:y|ies)|protein|gene|mutation|phenotype|variant|inhibitors?)"
)
_SUFFIXED: Final = (
    r"\w+(?:itis|osis|asis|oma|omas|[aeiou]emia|pathy|pathies|plasia|dactyly|trophy|trophies|uria|"
    r"penia|sclerosis|lysis|globulinemia|ism|aurosis|amia|stenosis|phakomatosis)"
)
_HEAD: Final = rf"(?:{_HEADS}|{_SUFFIXED})"
_BETWEEN: Final = r"(?:[a-z-]+(?:ic|al|ous|ary|oid|ar|ive|tic|form|type|cell|optic|risk|motor|muscular|severity|activity|modified)[\s-]+){0,3}"
_AFTER: Final = re.compile(rf"(?:'s|s'|')?[\s-]+{_BETWEEN}{_HEAD}(?![\w])", re.IGNORECASE)
_ET_AL: Final = re.compile(r"(?:\set\sal\b|'s\s(?:principle|theorem|law)\b)", re.IGNORECASE)
_POSSESSIVE: Final = re.compile(r"(?:'s|s')(?!\w)", re.IGNORECASE)
_DOSE: Final = re.compile(
    r"[\s(]{1,2}(?:[\w-]+\s){0,2}?\d[\d.,/-]*\s?(?:mg|mcg|ug|g|ml|units?|iu|meq|%|puffs?|tabs?)\b",
    re.IGNORECASE,
)
_DRUG: Final = re.compile(
    r"[a-z]{2,}(?:mab|nib|pril|sartan|olol|dipine|statin|cillin|mycin|floxacin|cycline|azole|prazole|"
    r"tidine|triptan|setron|gliptin|gliflozin|glutide|parin|xaban|gatran|oxetine|azepam|azolam|"
    r"barbital|caine|curium|dronate|fibrate|profen|oxicam|coxib|sone|olone|onide|terol|tropium|"
    r"lukast|zine|zide|semide|thiazide|lactone|vir|vudine|ciclib|rafenib|limus|platin|taxel|rubicin|"
    r"bicin|tecan|poside|stim|poetin|ase|cept|tide|gabalin|racetam|oxone|orphan|codone|morphone|"
    r"fentanil|idine|apine|peridone|piprazole|giline|dopa|capone|stigmine|mantine|formin|glitazone)s?"
)
_MEDICAL: Final = re.compile(
    r"[a-z-]*(?:itis|itides|osis|oses|emia|aemia|uria|pathy|pathies|plasia|plasty|ectomy|otomy|ostomy|"
    r"oscopy|ography|ogram|grams?|algia|ology|ologic|ologist|oma|omas|omata|rrhea|rrhage|rrhagia|"
    r"penia|cytosis|philia|phobia|plegia|paresis|trophy|trophic|genic|genesis|lysis|lytic|static|"
    r"stasis|stenosis|sclerosis|megaly|cele|dynia|edema|esis|esthesia|pnea|oxia|emic|uric|itic|otic|"
    r"genous|oid|oidal|ial|eal|ular|uria|ase|ine|ol|ate|ium|amide|amine|dipsia|phagia|phasia|"
    r"kinesia|taxia|tonia|tonic|thermia|capnia|volemia|natremia|kalemia|calcemia|glycemia|lipidemia|"
    r"thyroid(?:ism)?|cutaneous|venous|arterial|spinal|cardial|cranial|vertebral|muscular|vascular|"
    r"pulmonary|intestinal|gastric|hepatic|renal|cortical|somatic|cerebral|lateral|immune|viral)"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9]+(?:[.'-]?[A-Za-z0-9]+)*")
_SENTENCE_START: Final = re.compile(r"(?:^|[.?!:;/\n-]\s*)$")
_IS_HEAD: Final = re.compile(_HEAD, re.IGNORECASE)
_ROMAN: Final = frozenset("i ii iii iv v vi vii viii ix x xi xii".split())
_ABBREVIATION: Final = re.compile(r"[A-Z][A-Z0-9/&+.-]{0,6}s?")
# Gene and protein symbols: small and capital letters mixed, or digits within.
_SYMBOL: Final = re.compile(
    r"(?!Mc|Mac|De|Di|La|Le|O')(?:[a-z]{1,4}[A-Z][A-Za-z0-9]{0,8}|[A-Z][a-z]?[A-Z]+[A-Za-z0-9]{0,6}|[A-Za-z]{1,6}\d{1,3}[A-Za-z]{0,4}\d{0,3}|\d{1,3}[A-Za-z]{1,3})"
)
_CODE: Final = re.compile(
    r"\b(?:ICD|CPT|LOINC|SNOMED|DSM|HCPCS|ATC|OMIM|MIM|NCT|PMID|RRID)[\s:#-]*(?:CT|CM|10|9|IV|V|5)?"
    r"[\s:#-]*[A-Z]?\d[\w.-]*",
    re.IGNORECASE,
)
# Room for the name of a code system before its code.
_CODE_NAME: Final = 16
_LETTERS: Final = 4
_CONNECTORS: Final = frozenset("and of the von de la van den du des".split())


@dataclass(frozen=True, slots=True)
class _Case:
    """One hit in its text.

    Attributes:
        text: The whole normalised text.
        start: First code point of the hit's core: medical and ordinary words at its ends are off.
        end: One past the core's last.
        words: Words of the core, possessive endings off, lower case.
        hit: The hit.
        has_capitals: Whether capitals tell something in this text.
    """

    text: str = field(repr=False)
    start: int
    end: int
    words: tuple[str, ...] = field(repr=False)
    hit: Hit
    has_capitals: bool

    @property
    def core(self) -> str:
        return self.text[self.start : self.end]

    @property
    def rest(self) -> str:
        """What follows the core; a possessive ending that it swallowed is given back."""
        start = self.end - 2 if self.core.lower().endswith(("'s", "s'")) else self.end
        return self.text[start : start + 80]


def find_lift(text: str, hit: Hit, terms: Terms, others: Sequence[Hit] = ()) -> str | None:
    """The name of the rule that lifts `hit`, or None where it stands.

    Args:
        text: The normalised text.
        hit: One alarm, offsets in `text`.
        terms: Public terms of the site's label sheets.
        others: All alarms of the text; one that overlaps can only keep `hit` standing.
    """
    is_guess, is_listed = hit.detector in _GUESSING, hit.detector in _LISTED
    if hit.detector == "spacy":
        text = recase(text)
    if not (is_guess or is_listed):
        return None
    if is_guess and hit.entity not in _KINDS:
        return _find_number_lift(text, hit)
    if _is_code(text, hit):
        return "public-code"
    return _find_word_lift(_make_case(text, hit), terms, others)


def _find_word_lift(case: _Case, terms: Terms, others: Sequence[Hit]) -> str | None:
    text, hit, is_guess = case.text, case.hit, case.hit.detector in _GUESSING
    if hit.entity == "LOCATION" and _HOUSE_NUMBER.search(text, hit.start, hit.end):
        return None
    rules = _RULES if is_guess else _RULES_FOR_LISTED
    name = next((name for name, explains in rules if explains(case)), None)
    if name is None and terms.covers(text, hit.start, hit.end):
        return "vocabulary"
    is_weak = is_guess and hit.score < _SURE
    if name is None and is_weak and not _has_witness(hit, others):
        return next((rule for rule, explains in _RULES_ALONE if explains(case)), None)
    return name


def _has_witness(hit: Hit, others: Sequence[Hit]) -> bool:
    """Whether another detector alarms at the same place."""
    return any(
        other.detector != hit.detector and other.start < hit.end and hit.start < other.end
        for other in others
    )


def _is_spelled_so(case: _Case) -> bool:
    """Every word that is left is in no list of names and is spelled like a word."""
    parts = [part for word in case.words for part in word.split("-") if part]
    return bool(parts) and all(
        _is_ordinary(part) or (not _is_listed(part) and is_spelled_like_a_word(part))
        for part in parts
    )


def _is_few_letters(case: _Case) -> bool:
    """Where all is in one case, a short word in no list of names is a short form: "osa"."""
    return (
        case.hit.detector == "spacy"
        and not uses_capitals(case.text)
        and len(case.words) == 1
        and len(case.words[0]) <= _LETTERS
        and not _is_listed(case.words[0])
    )


def _is_listed(word: str) -> bool:
    """A name of a person or a town, clear or not."""
    return (
        word in lexicon.given_names()
        or word in lexicon.family_names()
        or word in lexicon.places("city")
    )


def _make_case(text: str, hit: Hit) -> _Case:
    has_capitals = uses_capitals(text)
    matches = _whole_words(text, hit)
    while matches and (
        _IS_HEAD.fullmatch(_bare(matches[-1].group()))
        or _is_explained(text, matches[-1], hit, has_capitals=has_capitals)
    ):
        matches.pop()
    while matches and _is_explained(text, matches[0], hit, has_capitals=has_capitals):
        matches.pop(0)
    words = [_bare(match.group()).lower() for match in matches]
    start, end = (matches[0].start(), matches[-1].end()) if matches else (hit.start, hit.end)
    return _Case(text, start, end, tuple(words), hit, has_capitals)


def _whole_words(text: str, hit: Hit) -> list[re.Match[str]]:
    """The words that the hit touches; a model may have marked half of "Stevens-Johnson"."""
    start, end = hit.start, hit.end
    while start > 0 and (text[start - 1].isalnum() or _is_joint(text, start - 1)):
        start -= 1
    while end < len(text) and (text[end].isalnum() or _is_joint(text, end)):
        end += 1
    return list(_TOKEN.finditer(text, start, end))


def _is_joint(text: str, at: int) -> bool:
    """A hyphen or apostrophe within a word."""
    return text[at] in "-'" and text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha()


def _is_explained(text: str, match: re.Match[str], hit: Hit, *, has_capitals: bool) -> bool:
    """Ordinary, and not written as the name that it is as well: "discussed with Baker"."""
    word = _bare(match.group())
    if not _is_ordinary(word.lower()):
        return False
    if hit.entity != "PERSON" or not has_capitals or not word.istitle():
        return True
    is_name = word.lower() in lexicon.family_names() and word.lower() not in lexicon.eponyms()
    is_first = bool(_SENTENCE_START.search(text, max(0, match.start() - 4), match.start()))
    return is_first or not is_name or word.lower() in lexicon.medical_words()


def _find_number_lift(text: str, hit: Hit) -> str | None:
    """The tagger takes words and gene symbols for licence numbers; those have few digits."""
    if hit.detector != "tagger" or hit.entity in {"EMAIL_ADDRESS", "URL", "PHONE_NUMBER"}:
        return None
    surface = text[hit.start : hit.end]
    return "few-digits" if sum(map(str.isdigit, surface)) < _MIN_DIGITS else None


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word)


def _is_known(case: _Case) -> bool:
    """Ordinary words, words of medicine, numbers, none of them a clear name, no "Mark Baker"."""
    if case.words:
        return False
    names = [match.group() for match in _TOKEN.finditer(case.text, case.hit.start, case.hit.end)]
    return not _is_pair_of_names(names, case)


def _is_pair_of_names(names: list[str], case: _Case) -> bool:
    """A given and a family name that are words as well, written as names are."""
    pairs = pairwise(names)
    is_written = case.has_capitals or case.hit.detector == "tagger"
    return is_written and any(
        first.lower() in lexicon.given_names()
        and _bare(last).lower() in lexicon.family_names()
        and (not case.has_capitals or (first.istitle() and _bare(last).istitle()))
        and last.lower() not in lexicon.medical_words()
        and not _IS_HEAD.fullmatch(last)
        for first, last in pairs
    )


def _is_eponym(case: _Case) -> bool:
    """Known eponyms, with a disease, sign, score or device after them, or a possessive."""
    if not case.words or not all(_is_eponymous(word) for word in case.words):
        return False
    is_whole = case.hit.end > case.end and _IS_HEAD.search(case.text, case.end, case.hit.end)
    return bool(_AFTER.match(case.rest) or _POSSESSIVE.match(case.rest) or is_whole)


def _is_eponym_phrase(case: _Case) -> bool:
    """The same for a listed name: the disease itself must follow, a possessive is not enough."""
    is_eponymous = bool(case.words) and all(_is_eponymous(word) for word in case.words)
    return is_eponymous and bool(_AFTER.match(case.rest))


def _is_plain_eponym(case: _Case) -> bool:
    """An eponym that is no given or family name of our lists: "Alzheimer", "Guillain-Barre"."""
    return bool(case.words) and all(
        word in lexicon.eponyms()
        and word not in lexicon.given_names()
        and word not in lexicon.family_names()
        and word not in lexicon.places("city")
        for one in case.words
        for word in one.split("-")
        if word not in _CONNECTORS
    )


def _is_named_measure(case: _Case) -> bool:
    """One or two words that are no given name, and a medical head word after them."""
    if not 0 < len(case.words) <= 2 or not _AFTER.match(case.rest):  # noqa: PLR2004 - two at most
        return False
    return not any(_is_personal(part) for word in case.words for part in word.split("-"))


def _is_small(case: _Case) -> bool:
    """Small letters in a text whose writer uses capitals, and in no list of names."""
    if not case.has_capitals or case.core.lower() != case.core:
        return False
    return not any(
        word in lexicon.given_names().clear or word in lexicon.family_names().clear
        for word in case.words
    )


def _has_dose(case: _Case) -> bool:
    """One word with a dose after it."""
    is_alone = len(case.words) == 1 and not _is_personal(case.words[0])
    return is_alone and bool(_DOSE.match(case.text[case.end : case.end + 40]))


def _ends_like_a_drug(case: _Case) -> bool:
    """One word with an ending that drugs have."""
    if len(case.words) != 1 or _is_listed(case.words[0]):
        return False
    return bool(_DRUG.fullmatch(case.words[0]))


def _is_symbol(case: _Case) -> bool:
    """Short forms in capitals and gene symbols, in a text that has small letters."""
    surface = case.text[case.hit.start : case.hit.end]
    if not case.has_capitals:
        return bool(case.words) and all(word in lexicon.medical_words() for word in case.words)
    parts = [_bare(part).strip("()[].,;:") for part in re.split(r"[\s/]+", surface)]
    return all(_is_short_form(part) or _is_ordinary(part.lower()) for part in parts if part)


def _is_short_form(part: str) -> bool:
    """Few capitals, or letters mixed with digits; "SMITH" and "TYSTBERGA" are none."""
    if not any(map(str.isalpha, part)):
        return True
    if not (_ABBREVIATION.fullmatch(part) or _SYMBOL.fullmatch(part)):
        return False
    if not part.isalpha():
        return True
    is_listed = part.lower() in lexicon.given_names().clear or (
        part.lower() in lexicon.family_names().clear and len(part) >= _LETTERS
    )
    return not is_listed and (len(part) <= _LETTERS + 1 or not part.isupper())


def _is_code(text: str, hit: Hit) -> bool:
    """A code of a public code system, named as such just before it."""
    start = max(0, hit.start - _CODE_NAME)
    return any(
        match.start() <= hit.start and hit.end <= match.end()
        for match in _CODE.finditer(text, start, hit.end)
    )


def _is_citation(case: _Case) -> bool:
    """An author: "et al." follows, or is in the hit."""
    return bool(_ET_AL.search(case.text[case.hit.start : case.hit.end + 8]))


_RULES: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("known-words", _is_known),
    ("eponym", _is_eponym),
    ("plain-eponym", _is_plain_eponym),
    ("named-measure", _is_named_measure),
    ("small-letters", _is_small),
    ("dose", _has_dose),
    ("symbol", _is_symbol),
    ("citation", _is_citation),
)
# These are weak: another detector's alarm at the same place keeps the hit standing.
_RULES_ALONE: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("drug-ending", _ends_like_a_drug),
    ("spelled-like-a-word", _is_spelled_so),
    ("few-letters", _is_few_letters),
)
_RULES_FOR_LISTED: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("eponym", _is_eponym_phrase),
    ("citation", _is_citation),
)


def _is_eponymous(word: str) -> bool:
    return all(part in lexicon.eponyms() or part in _CONNECTORS for part in word.split("-"))


def _is_personal(word: str) -> bool:
    return word in lexicon.given_names().clear and word not in lexicon.eponyms()


def _is_ordinary(word: str) -> bool:
    """In a list of words and clearly no name or town; or with an ending only medicine has."""
    if word.isdigit() or word in _ROMAN or len(word) == 1:
        return True
    if word in lexicon.medical_words():
        return True
    if word in lexicon.given_names().clear or word in lexicon.places("city").clear:
        return False
    if lexicon.is_known_word(word):
        return True
    is_long = len(word) > _LETTERS + 2
    return is_long and bool(_MEDICAL.fullmatch(word)) and word not in lexicon.family_names()
