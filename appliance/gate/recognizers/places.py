# ruff: noqa: E501, SIM905 - a table of patterns and word lists reads best one entry a line
"""Places smaller than a state, and the hospitals, wards and clinics that stand for one.

Source: 45 CFR 164.514(b)(2)(i)(B).
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no types

from appliance.gate import lexicon
from appliance.gate.recognizers.rules import Literals, Rule, RuleSet, rule
from appliance.gate.recognizers.sieve import Search
from appliance.gate.recognizers.words import Word, read_words
from appliance.records.verdicts import Hit

_STREET: Final = r"(?:street|st|avenue|ave|av|road|rd|drive|dr|lane|ln|boulevard|blvd|court|ct|circle|cir|place|pl|plaza|terrace|ter|trail|trl|parkway|pkwy|highway|hwy|route|rte|way|square|sq|loop|alley|crescent|cres|close|row|pike|turnpike|expressway|freeway|heights|hollow|ridge|run|crossing|xing|point|pt|path|walk|grove|gardens|mews|green)"
_NO_STREET: Final = r"(?!(?:mg|mcg|ml|g|kg|cm|mm|weeks?|days?|months?|years?|yrs?|yo|hours?|hrs?|min(?:utes)?|times?|of|and|or|in|on|with|to|for|the|at|by|from|patients?|p\.?o|bid|tid|qid|male|female|m|f|x|units?|tablets?|tabs?|capsules?|caps?|puffs?|doses?|percent|degrees?|cc|beats|pounds|lbs?|feet|foot|ft|inch(?:es)?|stents?|vessels?)\b)"
_UNIT: Final = r"(?:[\s,]{1,3}(?:apt|apartment|unit|suite|ste|floor|fl|room|rm|bldg|building|lot|\#)\.?\s?\#?[\w-]{1,6})"
_TAIL: Final = rf"(?:{_UNIT})?(?:,?\s+[a-z][a-z.'-]+(?:\s[a-z][a-z.'-]+){{0,2}},\s?[a-z]{{2}}(?:\s+\d{{5}}(?:-\d{{4}})?)?\b)?"
_HEAD: Final = r"(?:hospitals?|medical\s(?:center|centre|group|clinic|arts|campus)|med\.?\s?(?:center|ctr|group)\.?|medical\sctr\.?|health(?:\s?care)?\s(?:system|center|centre|network|clinic|group|services)|healthcare|health\sdepartment|clinics?|infirmary|hospice|sanatorium|nursing\s(?:home|facility|center)|rehab(?:ilitation)?(?:\s(?:center|hospital|institute|facility))?|(?:cancer|heart|eye|surgery|surgical|dialysis|birth(?:ing)?|trauma|burn|imaging|wellness|community\shealth|urgent\scare|care|treatment|recovery|transplant|stroke|spine|pain|fertility|women's|children's|pediatric|family\shealth|research|veterans?|memorial|regional|general)\s(?:center|centre|ctr\.?|institute|hospital|pavilion|clinic)|polyclinic|pharmacy|laborator(?:y|ies)(?!\s(?:values?|results?|tests?|testing|findings?|data|studies|parameters?|abnormalit(?:y|ies)|evaluations?|evidence|measurements?|monitoring|reports?|workup)\b)|dialysis|urgent\scare|assisted\sliving|senior\sliving|family\s(?:practice|medicine)|pediatrics|oncology\sassociates|associates|physicians)"
# What describes a hospital without naming it.
_GENERIC: Final = frozenset(
    """a an the our this that their his her my your its local community outpatient inpatient general
    university teaching nearby another other any each some same nearest county city state regional
    rural urban public private tertiary academic primary secondary quaternary specialty walk-in
    memory pain sleep diabetes diabetic cardiology neurology oncology dermatology orthopedic
    orthopaedic ortho rheumatology gastroenterology gi endocrine endocrinology nephrology renal
    pulmonary urology surgery surgical vascular psychiatric psychiatry mental behavioral dental eye
    ent women's womens men's children's childrens pediatric paediatric family student employee
    occupational travel wound heart cancer lung liver kidney stroke epilepsy headache movement
    disorder disorders anticoagulation coumadin warfarin hypertension asthma allergy immunology hiv
    std infusion chemotherapy radiation dialysis transplant fertility prenatal antenatal obstetric ob
    maternity postnatal breast prostate fracture trauma burn emergency er ed acute urgent care
    day night long-term skilled free mobile satellite main new old last first previous prior local
    veterans va army naval military state-run federal government mission field base referring
    receiving outside in out of to from at in-hospital preventive lipid thyroid foot hand spine
    back joint hip knee sports physical weight obesity bariatric smoking cessation substance abuse
    addiction methadone rehab rehabilitation palliative hospice home nursing geriatric adolescent
    well-baby vaccine vaccination immunization flu covid research clinical follow-up followup
    multidisciplinary nurse-led ambulatory internal medicine medical health healthcare center was
    is were seen and or with for during before after without when while until hospital clinic
    discharge admitted discharged transferred referred presented had has have been on psych
    large small major big busy tertiary-care level high-volume low-volume single two several many
    most all both multiple different certain participating retail compounding mail-order specialty
    radiology pathology microbiology chemistry genetics genetic reference commercial hematology
    attending consulting primary-care treating these those few various infectious disease
    cardiac neuro neurosurgery gynecology podiatry ophthalmology otolaryngology plastic""".split()
)
_SHORT_HEADS: Final = frozenset(
    "general memorial med health regional medical heart office campus branch site va er ed clinic "
    "hospital center healthcare presbyterian methodist baptist children's childrens".split()
)
_JOIN: Final = frozenset({"of", "the", "and", "&", "at", "for"})
_PREPOSITION: Final = frozenset(
    "in at from near to outside around of resident lives living residing resides visited".split()
)


def _is_proper_ward(text: str) -> bool:
    """So "Nightingale Ward" is, but neither "Surgical Ward" nor "North Wing"."""
    first = text.split(maxsplit=1)[0].lower()
    is_plain = first in _GENERIC or first in lexicon.medical_words()
    return not is_plain and (first in lexicon.family_names() or not lexicon.is_known_word(first))


# "In acute rehabilitation" and "of peritoneal dialysis" name no place, "at acme rehabilitation" does.
_TOWARDS: Final = frozenset("at from to near visited".split())

_RULES: Final[tuple[Rule, ...]] = (
    rule("street-address", "LOCATION", 0.8, rf"(?<![\w./-])\d{{1,6}}[a-d]?(?:-\d{{1,4}})?\s+(?:{_NO_STREET}(?:[nsew]\.?|[nsew][ew]|[a-z][a-z.'-]{{1,20}}|\d{{1,3}}(?:st|nd|rd|th))\s+){{1,4}}{_STREET}\b\.?(?!\s?['\w]*\s(?:mg|ml)){_TAIL}"),
    rule("post-office-box", "LOCATION", 0.9, r"\bp\.?\s?o\.?\s?box\s?\#?\d+"),
    rule("unit-number", "LOCATION", 0.6, r"\b(?:apt|apartment|suite|ste)\.?\s?\#?\s?\d{1,5}[a-z]?\b"),
    rule("room-number", "LOCATION", 0.5, r"\b(?:room|rm|bed|ward)\s?\#?\s?(?=[a-z-]{0,3}\d)[a-z]{0,2}-?\d{1,4}[a-z]?\b"),
    rule("zip-after-state", "LOCATION", 0.9, r"\b(?-i:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]),?\s+\d{5}(?:-\d{4})?\b"),
    rule("zip-by-cue", "LOCATION", 0.8, r"\b(?:zip(?:\s?code)?|postal\s?code|postcode)\b\W{0,4}(?:is\s|of\s)?(?P<id>\d{3,5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2})\b"),
    rule("zip-plus-four", "LOCATION", 0.7, r"(?<![\w.-])\d{5}-\d{4}(?![\w-])"),
    rule("postcode", "LOCATION", 0.6, r"(?<!\w)(?-i:[A-Z]{1,2}\d[A-Z\d]?\ \d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z]\ ?\d[A-Z]\d)(?!\w)"),
    rule("town-and-state", "LOCATION", 0.8, r"(?-i:\b[A-Z][a-z.'-]+(?:\s[A-Z][a-z.'-]+){0,2},\s(?:A[KLRZ]|C[AOT]|D\.?C|DE|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\b)"),
    rule("coordinates", "LOCATION", 0.8, r"(?<![\w.])-?\d{1,3}\.\d{4,}\s?[,;]\s?-?\d{1,3}\.\d{4,}"),
    rule("hospital-without-article", "LOCATION", 0.5, r"\b(?:at|to|from|in|visited|by)\s(?P<id>(?:general|memorial|city|county|central|regional|children'?s|veterans|university|cancer|heart)\s(?:hospital|medical\scenter|health|clinic|center\sin\s\w+(?:\s\w+)?))\b"),
    rule("hospital-in-capitals", "LOCATION", 0.5, r"(?<![.!?]\s)(?<!^)(?-i:\b(?:General|Memorial|City|County|Central|Regional|Children'?s|Veterans|University|Cancer|Heart|Community)\s(?:Hospital|Medical\sCenter|Health|Clinic|Center))\b"),
    rule("place-and-short-head", "LOCATION", 0.6, r"(?-i:\b(?:at|to|from|in|visited|by)\s(?P<id>(?:[A-Z][a-z'.]+\s){1,3}(?:General|Memorial|Med|Health|Regional|Presbyterian|Methodist|Baptist|Medical|Heart|Ortho|Cardiology|Oncology|Peds|Pediatrics|Office|Campus|Branch|Site|VA|ER|ED)))\b"),
    rule("ward", "LOCATION", 0.5, r"(?-i:\b[A-Z][a-z]{3,}(?:\s[A-Z][a-z]+)?\s(?:Ward|Wing|Pavilion|Tower))\b", _is_proper_ward),
    rule("county", "LOCATION", 0.6, r"(?-i:\b[A-Z][a-z]+(?:\s[A-Z][a-z]+)?\s(?:County|Township|Parish|Borough|Village|Reservation)\b)"),
)  # fmt: skip
_RULE_SET: Final = RuleSet(_RULES)


def find(text: str) -> Iterator[Hit]:
    """Addresses, towns, hospitals and their parts."""
    yield from _RULE_SET.find(text)
    words, has_capitals = read_words(text)
    yield from _find_institutions(text, has_capitals=has_capitals)
    yield from _find_facilities(text, words, has_capitals=has_capitals)
    yield from _find_towns(text, words, has_capitals=has_capitals)


def _institution_names() -> frozenset[str]:
    return lexicon.institutions().clear | lexicon.institutions().doubtful


@cache
def _institution_literals() -> Literals:
    return Literals(_institution_names())


@cache
def _institution_search() -> Search:
    names = sorted(_institution_names(), key=len, reverse=True)
    joined = "|".join(regex.escape(name) for name in names)
    return Search(
        regex.compile(
            rf"(?<![\w-])(?P<name>{joined})(?:'s)?(?P<head>\s{_HEAD})?(?![\w]|-\w)",
            regex.IGNORECASE,
        )
    )


_BEFORE_PLACE: Final = regex.compile(
    r"\b(?:at|to|from|in|by|visited|with|of|near|the|our)\s(?:the\s|our\s)?$", regex.IGNORECASE
)


def _find_institutions(text: str, *, has_capitals: bool) -> Iterator[Hit]:
    """Known names; one that is a word as well needs a preposition before it or a head after it."""
    if not _institution_literals().stand_in(text):
        return
    for match in _institution_search().find(text, timeout_s=5.0):
        name = match.group("name")
        is_capitalised = name[0].isupper() or not has_capitals
        if name.lower() in lexicon.institutions().doubtful:
            is_placed = match.group("head") or _BEFORE_PLACE.search(
                text[max(0, match.start() - 20) : match.start()]
            )
            if not (is_capitalised and is_placed):
                continue
        yield Hit(match.start(), match.end(), "LOCATION", 0.6, "institution")


_HEAD_SEARCH: Final = Search(
    regex.compile(rf"(?<![\w-])(?:{_HEAD})(?![\w])", regex.IGNORECASE | regex.VERBOSE)
)


def _find_facilities(text: str, words: Sequence[Word], *, has_capitals: bool) -> Iterator[Hit]:
    """A facility word with a name before it: "Cedar Crest Clinic", "Clinic" alone is none."""
    ends = {word.end: index for index, word in enumerate(words)}
    for match in _HEAD_SEARCH.find(text, timeout_s=5.0):
        gap = 2 if text[max(0, match.start() - 2) : match.start()] == ". " else 1
        before = ends.get(match.start() - gap)
        if before is None or text[match.start() - 1] not in " -":
            continue
        start = _start_of_name(text, words, before, has_capitals=has_capitals)
        if start is not None:
            end = _end_of_name(text, words, match.end(), has_capitals=has_capitals)
            yield Hit(start, end, "LOCATION", 0.7, "facility")


def _start_of_name(
    text: str, words: Sequence[Word], last: int, *, has_capitals: bool
) -> int | None:
    start: int | None = None
    for index in range(last, max(-1, last - 5), -1):
        word = words[index]
        gap = text[word.end : words[index + 1].start] if index < last else " "
        if gap not in {" ", ". ", " & ", "-"}:
            break
        if word.lower in _JOIN and start is not None:
            continue
        if not _names_a_place(words, index, has_capitals=has_capitals):
            break
        start = word.start
    return start


def _names_a_place(words: Sequence[Word], index: int, *, has_capitals: bool) -> bool:
    word = words[index]
    if has_capitals:
        is_proud = word.lower not in _GENERIC or word.lower in _PROUD or word.lower == "new"
        return word.is_capitalised and is_proud
    if word.lower in _TOWN_WORDS or _is_in_gazetteer(word.lower):
        return True
    if word.lower in _GENERIC or word.lower in lexicon.medical_words():
        return False
    # Without capitals an ordinary word names a place only directly after "at", "from", ...
    is_placed = index > 0 and words[index - 1].lower in _TOWARDS
    return is_placed or not lexicon.is_known_word(word.lower)


def _is_in_gazetteer(name: str) -> bool:
    return name in lexicon.places("city") or name in lexicon.places("state")


# Capitalised, these belong to a name; in small letters they describe.
_PROUD: Final = frozenset("general memorial regional county city university children's women's".split())  # fmt: skip
_TOWN_WORDS: Final = frozenset(
    """st saint mount mt cedar crest spring springs springdale river riverside lake lakeside oak oaks
    maple pine valley hill hills hillside park west east north south northern southern western
    eastern central sunrise sunset good mercy grace hope holy cross sacred heart trinity baptist
    methodist presbyterian lutheran catholic jewish memorial downtown metro bay harbor ocean beach
    mountain green greenwood meadow meadows summit liberty unity providence eagle stone silver gold
    golden star blue white red black rose garden forest grove haven new bridge water falls elm st. street avenue york
    los san santa saint. angeles jefferson lincoln washington franklin roosevelt kennedy""".split()
)


def _end_of_name(text: str, words: Sequence[Word], end: int, *, has_capitals: bool) -> int:
    """Past "... of Philadelphia" or "... in Detroit" where a name follows the facility word."""
    match = regex.match(r"\s(?:of|at|in)\s(?:the\s)?", text[end : end + 12], regex.IGNORECASE)
    if match is None or not has_capitals:
        return end
    after = end + match.end()
    first = bisect_left(words, after, key=lambda word: word.start)
    for word in words[first : first + 2]:
        if word.start - after > 1 or not word.is_capitalised:
            break
        after = end = word.end
    return end


def _is_code(text: str, town: Word, code: Word, has_capitals: bool) -> bool:
    """Whether a state's code follows the town: "Dallas, TX"."""
    is_joined = text[town.end : code.start] in {", ", ","}
    is_cased = code.text.isupper() or not has_capitals
    return is_joined and is_cased and code.text.upper() in lexicon.places("state-code").doubtful


@cache
def _first_words_of_towns() -> frozenset[str]:
    lists = [lexicon.places(kind) for kind in ("city", "state")]
    names = (name for known in lists for name in known.clear | known.doubtful)
    return frozenset(name.split()[0] for name in names)


def _find_towns(text: str, words: Sequence[Word], *, has_capitals: bool) -> Iterator[Hit]:
    """Cities of the gazetteer; a doubtful one needs a preposition before it."""
    cities, states = lexicon.places("city"), lexicon.places("state")
    for index, word in enumerate(words):
        begins_a_name = word.lower.replace("'s", "") in _first_words_of_towns()
        if not begins_a_name or (has_capitals and not word.is_capitalised):
            continue
        for length in (3, 2, 1):
            group = words[index : index + length]
            if len(group) < length or "\n" in text[word.start : group[-1].end]:
                continue
            name = " ".join(part.lower.replace("'s", "") for part in group)
            is_placed = index > 0 and words[index - 1].lower in _PREPOSITION
            after = words[index + length : index + length + 1]
            has_code = bool(after) and _is_code(text, group[-1], after[0], has_capitals)
            if has_code and name in cities:
                yield Hit(word.start, after[0].end, "LOCATION", 0.7, "town-and-code")
                break
            is_word = not has_capitals and name in lexicon.english_words()
            if name in cities.clear or (name in cities.doubtful and is_placed and not is_word):
                yield Hit(word.start, group[-1].end, "LOCATION", 0.6, "town")
                break
            if name in states and is_placed:
                yield Hit(word.start, group[-1].end, "LOCATION", 0.3, "state")
                break
            # "the Dallas clinic", "Houston Heart": a doubtful city before a short head.
            is_headed = bool(after) and after[0].lower in _SHORT_HEADS
            if name in cities.doubtful and is_headed and not is_word:
                yield Hit(word.start, after[0].end, "LOCATION", 0.6, "town-and-head")
                break
