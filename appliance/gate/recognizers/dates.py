# ruff: noqa: E501 - a table of patterns and word lists reads best one entry a line
"""Dates of a person's life, more exact than the year, and ages over 89.

Source: 45 CFR 164.514(b)(2)(i)(C).
"""

from typing import Final

from appliance.gate.recognizers.rules import Rule, rule

_MONTH: Final = r"(?:jan(?:uary)?|feb(?:r?uary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_LONG_MONTH: Final = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_CLEAR_MONTH: Final = (
    r"(?:january|february|april|june|july|august|september|october|november|december)"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_NTH: Final = rf"(?:{_DAY}(?:st|nd|rd|th)?|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|(?:eleven|twelf|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)th|(?:twent|thirt)ieth|(?:twenty|thirty)[-\ ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth))"
_MM: Final = r"(?:0?[1-9]|1[0-2])"
_YYYY: Final = r"(?:1[89]\d{2}|20\d{2})"
_YEAR: Final = rf"(?:{_YYYY}|'?\d{{2}})"
_WEEKDAY: Final = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s)"
_CUE: Final = r"\b(?:d\.?o\.?b\.?|d\.?o\.?[ads]\.?|dated?|born|birth(?:day|date)?|on|since|seen|visit(?:ed)?|admit(?:ted)?|admission|discharged?|scheduled|appointment|appt|until|through|thru|before|after|from|performed|dx'?d?|collected|received|reported|signed|died|deceased|expires?|due|f/u|by)\b"
# "patients over 12 may benefit": a verb follows, or what only follows a verb.
_VERB_MAY: Final = r"may\s(?!and\b|or\b|to\b|at\b|in\b|with\b|for\b|from\b|by\b|until\b|through\b|visit|appointment|admission|of\b)[a-z]"
_AGE: Final = r"(?:9\d|1[0-4]\d)"
_YEARS: Final = r"(?:[\s-]?(?:years?|yrs?\.?)(?:[\s-]?(?:old|of\sage|aged?)\b|(?=[\s,.;)]))|[\s-]?y[./]?\s?o\b\.?|[\s-]?yof?\b|[\s-]?yom\b|[\s-]?y/?/?o?\s?(?=[mf]\b))"

RULES: Final[tuple[Rule, ...]] = (
    rule("date-numeric", "DATE", 0.9, rf"(?<![\w.,/-])(?:{_MM}(?P<s>[-/.\ ]){_DAY}|{_DAY}(?P<s>[-/.\ ]){_MM})(?P=s){_YYYY}(?![\w/-])"),
    rule("date-numeric-short", "DATE", 0.8, rf"(?<![\w.,/-])(?:{_MM}(?P<s>[-/]){_DAY}|{_DAY}(?P<s>[-/]){_MM})(?P=s)'?\d{{2}}(?![\w/%-]|\.\d)"),
    rule("date-dotted-short", "DATE", 0.6, r"(?<![\w.,/-])(?:0[1-9]|1[0-2]|[12]\d|3[01])\.(?:0[1-9]|1[0-2]|[12]\d|3[01])\.\d{2}(?![\w/%-]|\.\d)"),
    rule("date-iso", "DATE", 0.9, rf"(?<![\w-]){_YYYY}(?P<s>[-/.]){_MM}(?P=s){_DAY}(?:(?:t|\ )\d{{2}}:?\d{{2}}(?::?\d{{2}})?(?:\.\d+)?(?:z|[+-]\d{{2}}:?\d{{2}})?)?(?![\d-])"),
    rule("date-run-together", "DATE", 0.6, r"(?<![\w.,-])(?:(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d{2})(?!\w)"),
    rule("date-month-first", "DATE", 0.9, rf"(?<!\w){_WEEKDAY}?{_MONTH}[\s-]?(?:the\s)?{_NTH}(?:[\s,/-]{{1,3}}(?:of\s)?(?:{_YYYY}|'\d{{2}}|\d{{2}}(?!\d|\s?(?:mg|year|yo|y/o))))?(?!\w|\.\d)", lambda text: not text.lower().startswith("may second")),
    rule("date-day-first", "DATE", 0.9, rf"(?<![\w.]){_WEEKDAY}?(?:the\s)?{_NTH}[\s/-]?(?:day\s)?(?:of\s)?[-,]?\s?(?!{_VERB_MAY}){_MONTH}(?:[\s,/-]{{0,3}}{_YEAR})?(?!\w)", lambda text: not text[:3].lower().startswith("sec") or "of" in text),
    rule("date-month-year", "DATE", 0.8, rf"(?<!\w){_MONTH}[\s,/-]{{0,3}}(?:of\s)?(?:{_YYYY}|'\d{{2}})(?!\w)"),
    rule("date-year-month-word", "DATE", 0.8, rf"(?<!\w){_YYYY}[\s,/-]{{1,3}}{_MONTH}(?!\w)(?:[\s-]{_DAY}(?!\w))?"),
    rule("date-numeric-month-year", "DATE", 0.6, rf"(?<![\w.,/-]){_MM}[/-]{_YYYY}(?![\w/-])"),
    rule("date-partial-by-cue", "DATE", 0.6, rf"{_CUE}\s?[:=]?\s?(?:the\s)?(?P<id>{_MM}[/-]{_DAY})(?![\w/%-]|\.\d|\sto\s\d+/10)"),
    rule("date-range", "DATE", 0.6, rf"(?<![\w./-]){_MM}/{_DAY}\s?(?:-|to|through|thru)\s?{_MM}/{_DAY}(?![\w/%])", lambda text: not text.count("/10") > 1),
    rule("birth-date-by-cue", "DATE", 0.9, r"\b(?:d\.?o\.?b\.?|birth\s?date|birthday|born(?:\son)?|date\sof\s(?:birth|death|admission|discharge|service|visit|surgery))(?![a-z])\W{0,5}(?P<id>[\d][\d\s./-]{3,12}\d)"),
    rule("weekday-date", "DATE", 0.6, rf"(?<!\w){_WEEKDAY}(?:the\s)?{_DAY}(?:st|nd|rd|th)(?!\w)"),
    rule("weekday-relative", "DATE", 0.5, r"\b(?:last|this|next|past)\s(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"),
    rule("month-alone", "DATE", 0.5, rf"\b(?:in|since|last|this|until|till|early|late|mid|next|during|by|of)[\s-](?P<id>{_CLEAR_MONTH}|(?-i:March|May))\b(?!\s?\d)"),
    rule("holiday", "DATE", 0.5, rf"\b(?:christmas(?!\s(?:disease|factor)\b)(?:\s(?:day|eve))?|thanksgiving|new\syear'?s(?:\s(?:day|eve))?|easter(?:\s(?:sunday|monday))?|labor\sday|memorial\sday|independence\sday|halloween|valentine'?s(?:\sday)?|juneteenth|ramadan(?!\sfasting\b)|diwali|hanukkah)(?:\s(?:of\s)?{_YYYY})?\b"),
    rule("season-year", "DATE", 0.4, rf"\b(?:spring|summer|fall|autumn|winter)\s(?:of\s)?{_YYYY}\b"),
    rule("time-stamp", "DATE", 0.4, r"\b(?:at|@)\s?(?P<id>(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s?(?:[ap]\.?m\.?|hrs?|hours)?)\b(?=.{0,20}\bon\b)"),
    rule("age-over-89", "AGE_OVER_89", 0.8, rf"(?<![\w./-]){_AGE}{_YEARS}"),
    rule("age-over-89-by-cue", "AGE_OVER_89", 0.8, rf"\b(?:age[ds]?|turn(?:ed|ing|s))\b\W{{0,3}}(?:of\s|is\s)?(?P<id>{_AGE})(?![\d/%.]\d|\w|\s?(?:mg|kg|lb|ml|beats|bpm|%))"),
    rule("age-over-89-sex", "AGE_OVER_89", 0.7, rf"(?<![\w./-]){_AGE}\s?[mf](?![\w/'])"),
    rule("age-over-89-words", "AGE_OVER_89", 0.7, r"\b(?:nonagenarian|centenarian|supercentenarian|in\s(?:his|her|their)\s(?:90'?s|nineties)|(?:ninety|one[-\s]hundred)(?:[-\s](?:and[-\s])?(?:one|two|three|four|five|six|seven|eight|nine))?[-\s]years?[-\s](?:old|of\sage))\b"),
    rule("age-over-89-spelled-out", "AGE_OVER_89", 0.7, r"\b(?:(?:s?he|patient|who)\s(?:is|was)|aged?|turn(?:ed|ing|s))\s(?P<id>ninety(?:[-\s](?:one|two|three|four|five|six|seven|eight|nine))?)\b(?!\s(?:percent|per|mg|mcg|ml|kg|pounds|degrees|minutes|days))"),
)  # fmt: skip
"""Every rule of this kind."""
