# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Medical knowledge that lifts an alarm, each time by a rule that names its evidence.

Only alarms of detectors that guess are lifted: spaCy, the tagger, bare words of a lexicon. A
number, a date, a titled name, a patient of the site never is. A rule looks at one hit and the text
around it, never at other hits, so lifting can't depend on what else was found. It lifts a hit only
where every word of the hit is explained: a name beside an eponym still alarms.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.gate import lexicon
from appliance.gate.recognizers.words import uses_capitals
from appliance.records.verdicts import Hit

_GUESSING: Final = frozenset({"spacy", "tagger", "given-name", "family-name", "unknown-words", "initial-and-name", "name-and-initial", "given-name-doubtful"})  # fmt: skip
_KINDS: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
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
_JOINED: Final = r"(?:[\s-]+(?:\w+[\s-]+){0,2}?)"
_AFTER: Final = re.compile(rf"(?:'s|s'|')?{_JOINED}{_HEADS}\b", re.IGNORECASE)
_AFTER_CLOSE: Final = re.compile(rf"(?:'s|s'|')?[\s-]+{_HEADS}\b", re.IGNORECASE)
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
_TOKEN: Final = re.compile(r"[A-Za-z]+(?:[.-]?[A-Za-z]+)*")
_ROMAN: Final = frozenset("i ii iii iv v vi vii viii ix x xi xii".split())
_ABBREVIATION: Final = re.compile(r"[A-Z][A-Z0-9/&+-]{0,6}s?")
_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class _Case:
    """One hit in its text.

    Attributes:
        text: The whole normalised text.
        hit: The hit.
        words: The words of the hit, possessive endings off, lower case.
        has_capitals: Whether capitals tell something in this text.
    """

    text: str = field(repr=False)
    hit: Hit
    words: tuple[str, ...] = field(repr=False)
    has_capitals: bool

    @property
    def surface(self) -> str:
        return self.text[self.hit.start : self.hit.end]

    @property
    def rest(self) -> str:
        """What follows; a possessive ending that the hit swallowed is given back."""
        start = self.hit.end - 2 if self.surface.endswith(("'s", "s'")) else self.hit.end
        return self.text[start : start + 60]


def find_lift(text: str, hit: Hit) -> str | None:
    """The name of the rule that lifts `hit`, or None where it stands.

    Args:
        text: The normalised text.
        hit: One alarm, offsets in `text`.
    """
    if hit.detector not in _GUESSING or hit.entity not in _KINDS:
        return None
    words = tuple(word.lower() for word in _TOKEN.findall(_bare(text[hit.start : hit.end])))
    case = _Case(text, hit, words, uses_capitals(text))
    if not words:
        return "no-word"
    return next((name for name, explains in _RULES if explains(case)), None)


def _bare(surface: str) -> str:
    return _POSSESSIVE.sub("", surface)


def _is_eponym(case: _Case) -> bool:
    """Known eponyms, and a disease, sign, score or device after them or a possessive."""
    if not all(_is_eponymous(word) for word in case.words):
        return False
    return bool(_AFTER.match(case.rest) or _POSSESSIVE.match(case.rest))


def _is_plain_eponym(case: _Case) -> bool:
    """An eponym that is no given or family name of our lists: "Alzheimer", "Guillain-Barre"."""
    return all(
        word in lexicon.eponyms()
        and word not in lexicon.given_names()
        and word not in lexicon.family_names()
        and word not in lexicon.places("city")
        for one in case.words
        for word in one.split("-")
    )


def _is_named_measure(case: _Case) -> bool:
    """One or two words that are no given name, and directly after them a medical head word."""
    if len(case.words) > 2 or not _AFTER_CLOSE.match(case.rest):  # noqa: PLR2004 - first and last name
        return False
    return not any(_is_personal(word) for word in case.words)


def _is_known(case: _Case) -> bool:
    """Ordinary words, words of medicine, numbers; none of them a clear name."""
    return all(_is_ordinary(word) for word in case.words)


def _is_drug(case: _Case) -> bool:
    """One word with the ending of a drug, or with a dose after it."""
    if len(case.words) > 1 or _is_personal(case.words[0]):
        return False
    has_ending = (
        bool(_DRUG.fullmatch(case.words[0])) and case.words[0] not in lexicon.family_names()
    )
    return has_ending or bool(_DOSE.match(case.text[case.hit.end : case.hit.end + 40]))


def _is_abbreviation(case: _Case) -> bool:
    """A short form in capitals, in a text that has small letters."""
    return case.has_capitals and all(
        _ABBREVIATION.fullmatch(part) for part in case.surface.split() if part
    )


_RULES: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("eponym", _is_eponym),
    ("plain-eponym", _is_plain_eponym),
    ("named-measure", _is_named_measure),
    ("known-words", _is_known),
    ("drug", _is_drug),
    ("abbreviation", _is_abbreviation),
)


def _is_eponymous(word: str) -> bool:
    parts = word.split("-")
    return all(
        part in lexicon.eponyms() or part in {"and", "of", "the", "von", "de", "la"}
        for part in parts
    )


def _is_personal(word: str) -> bool:
    return word in lexicon.given_names().clear and word not in lexicon.eponyms()


def _is_ordinary(word: str) -> bool:
    if word in lexicon.given_names().clear and word not in lexicon.medical_words():
        return False
    if word in lexicon.places("city").clear:
        return False
    if lexicon.is_known_word(word) or word in _ROMAN or len(word) == 1:
        return True
    is_long = len(word) > _LETTERS + 2
    return is_long and bool(_MEDICAL.fullmatch(word)) and word not in lexicon.family_names()
