# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Words and forms of medicine: what a word can be other than a name.

Patterns and questions about single words; what follows from them for an alarm is `knowledge`'s.
"""

import re
from functools import lru_cache
from typing import Final

from appliance.gate import lexicon

MIN_DIGITS: Final = 4
_ZIP_DIGITS: Final = 5
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
    r"polyps?|dysfunction|hallucinations?|strictures?|webs?|risk|factor|antigen|antibod(?:y|ies)|protein|gene|mutation|phenotype|variant|inhibitors?)"
)
_SUFFIXED: Final = (
    r"\w+(?:itis|osis|asis|oma|omas|[aeiou]emia|pathy|pathies|plasia|dactyly|trophy|trophies|uria|"
    r"penia|sclerosis|lysis|globulinemia|ism|aurosis|amia|stenosis|phakomatosis)"
)
_HEAD: Final = rf"(?:{_HEADS}|{_SUFFIXED})"
_BETWEEN: Final = r"(?:[a-z-]+(?:ic|al|ous|ary|oid|ar|ive|tic|form|type|cell|optic|risk|motor|muscular|severity|activity|modified)[\s-]+){0,3}"
AFTER: Final = re.compile(rf"(?:'s|s'|')?[\s-]+{_BETWEEN}{_HEAD}(?![\w])", re.IGNORECASE)
ET_AL: Final = re.compile(r"(?:\set\sal\b|'s\s(?:principle|theorem|law)\b)", re.IGNORECASE)
POSSESSIVE: Final = re.compile(r"(?:'s|s')(?!\w)", re.IGNORECASE)
DOSE: Final = re.compile(
    r"[\s(]{1,2}(?:[\w-]+\s){0,2}?\d[\d.,/-]*\s?(?:mg|mcg|ug|g|ml|units?|iu|meq|%|puffs?|tabs?)\b",
    re.IGNORECASE,
)
DRUG: Final = re.compile(
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
TOKEN: Final = re.compile(r"[A-Za-z0-9]+(?:[.'-]?[A-Za-z0-9]+)*")
# What may stand before the first word of a sentence or heading.
SENTENCE_START: Final = re.compile(r"(?:^|[.?!:;/\n-]\s*)$")
IS_HEAD: Final = re.compile(_HEAD, re.IGNORECASE)
_ROMAN: Final = frozenset("i ii iii iv v vi vii viii ix x xi xii".split())
_ABBREVIATION: Final = re.compile(r"[A-Z][A-Z0-9/&+.-]{0,6}s?")
# Gene and protein symbols: small and capital letters mixed, or digits within.
_SYMBOL: Final = re.compile(
    r"(?!Mc|Mac|De|Di|La|Le|O')(?:[a-z]{1,4}[A-Z][A-Za-z0-9]{0,8}|[A-Z][a-z]?[A-Z]+[A-Za-z0-9]{0,6}|[A-Za-z]{1,6}\d{1,3}[A-Za-z]{0,4}\d{0,3}|\d{1,3}[A-Za-z]{1,3})"
)
_LEVEL: Final = re.compile(r"[a-z]{0,2}\d{1,3}(?:[.-][a-z]?\d{1,3})?(?:mm|cm|dm)?")
CODE: Final = re.compile(
    r"\b(?:ICD|CPT|LOINC|SNOMED|DSM|HCPCS|ATC|OMIM|MIM|NCT|PMID|RRID)[\s:#-]*(?:CT|CM|10|9|IV|V|5)?"
    r"[\s:#-]*[A-Z]?\d[\w.-]*|\bHLA-[A-Z]{1,4}\d?\*?\d{2,4}(?::\d{2,3}){0,3}(?!\w)",
    re.IGNORECASE,
)
# Room for the name of a code system before its code.
CODE_NAME: Final = 16
LETTERS: Final = 4
# Parts of the world larger than a state: 45 CFR 164.514(b)(2)(i)(B) names smaller ones only.
REGIONS: Final = frozenset(
    "asia africa europe america americas oceania australasia eurasia caribbean scandinavia balkans "
    "polynesia melanesia micronesia sahara sahel levant maghreb".split()
)
# "From Asia", "Southeast Asia"; "Asia" alone may be somebody.
TOWARDS_REGION: Final = re.compile(
    r"\b(?:(?:from|in|to|of|across|throughout|north|south|east|west|central|latin)|(?:north|south)-?"
    r"(?:east|west)|sub-?saharan|(?:north|south|east|west)ern)\s(?:the\s)?$",
    re.IGNORECASE,
)
CONNECTORS: Final = frozenset("and of the von de la van den du des".split())


def bare(word: str) -> str:
    """The word without a possessive ending."""
    return POSSESSIVE.sub("", word)


@lru_cache(1 << 14)
def is_ordinary(word: str) -> bool:
    """In a list of words and clearly no name or town; or with an ending only medicine has."""
    if word.isdigit() or word in _ROMAN or len(word) == 1:
        return True
    if word in lexicon.medical_words():
        return True
    if word in lexicon.given_names().clear or word in lexicon.places("city").clear:
        return False
    if lexicon.is_known_word(word):
        return True
    is_long = len(word) > LETTERS + 2
    return is_long and bool(_MEDICAL.fullmatch(word)) and word not in lexicon.family_names()


def is_listed(word: str) -> bool:
    """A name of a person or a town, clear or not."""
    return (
        word in lexicon.given_names()
        or word in lexicon.family_names()
        or word in lexicon.places("city")
    )


def is_personal(word: str) -> bool:
    """A clear given name after which nothing is named."""
    return word in lexicon.given_names().clear and word not in lexicon.eponyms()


def is_eponymous(word: str) -> bool:
    """Whether diseases, signs or devices are named after each part of it."""
    return all(part in lexicon.eponyms() or part in CONNECTORS for part in word.split("-"))


def is_short_form(part: str) -> bool:
    """Few capitals, or letters mixed with digits; "SMITH" and "TYSTBERGA" are none."""
    if not any(map(str.isalpha, part)):
        return True
    if not (_ABBREVIATION.fullmatch(part) or _SYMBOL.fullmatch(part)):
        return False
    if not part.isalpha():
        return True
    is_listed = part.lower() in lexicon.given_names().clear or (
        part.lower() in lexicon.family_names().clear and len(part) >= LETTERS
    )
    return not is_listed and (len(part) <= LETTERS + 1 or not part.isupper())


def has_house_number(text: str) -> bool:
    """Four digits that are no year, and words beside them: "Box 8158"; or five: a ZIP code."""
    number = _HOUSE_NUMBER.search(text)
    return number is not None and (len(number[0]) == _ZIP_DIGITS or any(map(str.isalpha, text)))


def is_level(word: str) -> bool:
    """A medical word, or a level of the spine and the like: "c5-6", "t2dm"."""
    return word in lexicon.medical_words() or bool(_LEVEL.fullmatch(word))


def is_proud(word: str) -> bool:
    """An ordinary word, written as the family name that it is as well: "Baker"."""
    lower = word.lower()
    return (
        word.istitle() and lower in lexicon.family_names() and lower not in lexicon.medical_words()
    )


def is_symbolic(part: str) -> bool:
    """A short form, a symbol, something without letters or an ordinary word."""
    plain = bare(part).strip("()[].,;:'")
    return not plain or is_short_form(plain) or is_ordinary(plain.lower())
