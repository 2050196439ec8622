# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Medical knowledge that lifts an alarm, each time by a rule that names its evidence.

Only alarms of detectors that guess are lifted: spaCy, the tagger, bare words of a lexicon. A
number with a cue, a date, a titled name, a patient of the site never is. A rule looks at one hit
and the text around it, never at other hits, so lifting can't depend on what else was found. It
lifts a hit only where every word of the hit is explained: a name beside an eponym still alarms.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from appliance.gate import lexicon
from appliance.gate.recognizers.words import uses_capitals
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit

_GUESSING: Final = frozenset({"spacy", "tagger", "unknown-words", "initial-and-name"})
# Words of a lexicon: only an eponym's own phrase lifts them.
_LISTED: Final = frozenset(
    {"given-name", "given-name-doubtful", "family-name", "town", "institution"}
)
_KINDS: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
_MIN_DIGITS: Final = 4
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
_POSSESSIVE: Final = re.compile(r"(?:'s|s')(?!\w)")
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
_PART: Final = re.compile(r"[A-Za-z0-9]+")
_IS_HEAD: Final = re.compile(_HEAD, re.IGNORECASE)
_ROMAN: Final = frozenset("i ii iii iv v vi vii viii ix x xi xii".split())
_ABBREVIATION: Final = re.compile(r"[A-Z][A-Z0-9/&+.-]{0,6}s?")
# Gene and protein symbols: small and capital letters mixed, or digits within.
_SYMBOL: Final = re.compile(
    r"(?!Mc|Mac|De|Di|La|Le|O')(?:[a-z]{1,4}[A-Z][A-Za-z0-9]{0,8}|[A-Z][a-z]?[A-Z]+[A-Za-z0-9]{0,6}|[A-Za-z]{1,6}\d{1,3}[A-Za-z]{0,4}\d{0,3}|\d{1,3}[A-Za-z]{1,3})"
)
_CODE: Final = re.compile(
    r"(?:ICD|CPT|LOINC|SNOMED|DSM|HCPCS|ATC|OMIM|MIM|NCT|PMID|RRID)[\s:#-]*(?:CT|CM|10|9|IV|V|5)?"
    r"[\s:#-]*[A-Z]?\d[\w.-]*",
    re.IGNORECASE,
)
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
        start = self.end - 2 if self.core.endswith(("'s", "s'")) else self.end
        return self.text[start : start + 80]


def find_lift(text: str, hit: Hit, terms: Terms) -> str | None:
    """The name of the rule that lifts `hit`, or None where it stands.

    Args:
        text: The normalised text.
        hit: One alarm, offsets in `text`.
        terms: Public terms of the site's label sheets.
    """
    is_guess, is_listed = hit.detector in _GUESSING, hit.detector in _LISTED
    if not (is_guess or is_listed):
        return None
    if is_guess and hit.entity not in _KINDS:
        return _find_number_lift(text, hit)
    case = _make_case(text, hit)
    rules = _RULES if is_guess else _RULES_FOR_LISTED
    name = next((name for name, explains in rules if explains(case)), None)
    if name is None and terms.covers(text, hit.start, hit.end):
        return "vocabulary"
    return name


def is_explained(stretch: str, *, has_capitals: bool, with_numbers: bool) -> bool:
    """Whether whatever a guesser could report within `stretch` would be lifted.

    So it is where every word is ordinary and no two of them are a given and a family name; or,
    in a text with capitals, where all that is not ordinary is small and in no list of names, or
    all of it is short forms.

    Args:
        stretch: Part of a normalised text, cut between words.
        has_capitals: Whether capitals tell something in the whole text.
        with_numbers: Whether the guesser reports numbers as well.
    """
    if with_numbers and ("@" in stretch or sum(map(str.isdigit, stretch)) >= _MIN_DIGITS):
        return False
    matches = list(_TOKEN.finditer(stretch))
    strange = [match for match in matches if not _is_plain(match.group())]
    if strange and not (has_capitals and (_are_small(stretch, strange) or _are_symbols(stretch))):
        return False
    words = [match.group() for match in matches]
    return not (
        _has_pair_of_names(words, has_capitals=has_capitals)
        or _has_pair_of_names(_PART.findall(stretch), has_capitals=has_capitals)
    )


@lru_cache(1 << 14)
def _is_plain(word: str) -> bool:
    """Ordinary as a whole and in its parts: a hit may begin or end within "follow-up"."""
    parts = _PART.findall(word)
    forms = {_bare(word).lower(), *(part.lower() for part in parts)}
    is_short = len(parts) <= 2  # noqa: PLR2004 - of three parts two may be a word that one is not
    return is_short and all(_IS_HEAD.fullmatch(form) or _is_ordinary(form) for form in forms)


def _are_small(stretch: str, strange: list[re.Match[str]]) -> bool:
    """From the first strange word to the last: small letters, and in no list of clear names."""
    between = stretch[strange[0].start() : strange[-1].end()]
    names, families = lexicon.given_names().clear, lexicon.family_names().clear
    forms = {_bare(match.group()) for match in _TOKEN.finditer(between)}
    forms.update(_PART.findall(between))
    return between.lower() == between and not (forms & names or forms & families)


def _are_symbols(stretch: str) -> bool:
    """Short forms and ordinary words only, as wholes and in their parts."""
    wholes = re.split(r"[\s/]+", stretch)
    return all(
        _is_symbolic(whole) and len(parts) <= 2 and all(map(_is_symbolic, parts))  # noqa: PLR2004 - see `_is_plain`
        for whole, parts in ((whole, _PART.findall(whole)) for whole in wholes)
    )


def _has_pair_of_names(words: list[str], *, has_capitals: bool) -> bool:
    return any(
        first.lower() in lexicon.given_names()
        and _bare(last).lower() in lexicon.family_names()
        and (not has_capitals or (first.istitle() and _bare(last).istitle()))
        for first, last in pairwise(words)
    )


def _make_case(text: str, hit: Hit) -> _Case:
    matches = list(_TOKEN.finditer(text, hit.start, hit.end))
    words = [_bare(match.group()).lower() for match in matches]
    has_capitals = uses_capitals(text)
    while words and (_IS_HEAD.fullmatch(words[-1]) or _is_ordinary(words[-1])):
        words.pop()
        matches.pop()
    while words and _is_ordinary(words[0]):
        words.pop(0)
        matches.pop(0)
    start, end = (matches[0].start(), matches[-1].end()) if matches else (hit.start, hit.end)
    return _Case(text, start, end, tuple(words), hit, has_capitals)


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


def _is_drug(case: _Case) -> bool:
    """One word with the ending of a drug, or with a dose after it."""
    if len(case.words) != 1 or _is_personal(case.words[0]):
        return False
    word = case.words[0]
    has_ending = bool(_DRUG.fullmatch(word)) and word not in lexicon.family_names()
    return has_ending or bool(_DOSE.match(case.text[case.end : case.end + 40]))


def _is_symbol(case: _Case) -> bool:
    """Short forms in capitals and gene symbols, in a text that has small letters."""
    if not case.has_capitals:
        return bool(case.words) and all(word in lexicon.medical_words() for word in case.words)
    surface = case.text[case.hit.start : case.hit.end]
    return all(map(_is_symbolic, re.split(r"[\s/]+", surface)))


def _is_symbolic(part: str) -> bool:
    """A short form, a symbol, something without letters or an ordinary word."""
    bare = _bare(part).strip("()[].,;:")
    return bool(
        _ABBREVIATION.fullmatch(bare)
        or _SYMBOL.fullmatch(bare)
        or not any(map(str.isalpha, bare))
        or _is_ordinary(bare.lower())
    )


def _is_code(case: _Case) -> bool:
    """A code of a public code system, named as such."""
    return bool(_CODE.fullmatch(case.text[case.hit.start : case.hit.end].strip()))


def _is_citation(case: _Case) -> bool:
    """An author: "et al." follows, or is in the hit."""
    return bool(_ET_AL.search(case.text[case.hit.start : case.hit.end + 8]))


_RULES: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("known-words", _is_known),
    ("eponym", _is_eponym),
    ("plain-eponym", _is_plain_eponym),
    ("named-measure", _is_named_measure),
    ("small-letters", _is_small),
    ("drug", _is_drug),
    ("symbol", _is_symbol),
    ("public-code", _is_code),
    ("citation", _is_citation),
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
