# ruff: noqa: E501 - a table of patterns and word lists reads best one entry a line
"""Numbers that name one person: records, plans, accounts, licences, devices, telephones."""

from typing import Final

from appliance.gate.lexicon import is_known_word
from appliance.gate.recognizers import checksums
from appliance.gate.recognizers.rules import Rule, rule

# What may stand between a cue and its number: "MRN is: #", "policy no.".
_LINK: Final = r"""(?:[\s:\#=.,;()\[\]"'-]|\b(?:is|was|as|of|are|num(?:ber)?s?|nos?|nbr|id|ids|identifier|code|card|on|file|listed|the|her|his|their|patient)\b){0,12}?"""
_NUMBER: Final = (
    r"""(?<![\w])(?P<id>\#?(?=[\w./-]*\d)[a-z0-9](?:[a-z0-9]|[-./_](?=[a-z0-9])){2,40})"""
)

_RECORD: Final = r"""(?:m\.?r\.?n|mr\s?\#|med(?:ical)?\.?\s?(?:rec(?:ord)?s?)\.?|(?:health|patient|hospital|unit|clinic|chart|record)\s(?:record\s)?(?=no\b|num|\#|id\b)|chart|(?:patient|pt|person|subject|client|resident|member|donor|recipient)\s?(?:id|identifier|number|no\.?|\#)|(?:unit|hospital|chart|file)\s?(?:\#|no\.?|number)|epic\s?id|empi|crn|urn|mpi|fin|csn|har|nhs|chi\s?(?:no|number))"""
_PLAN: Final = r"""(?:insurance|ins\.?|health\s?plan|plan|policy|member(?:ship)?|subscriber|beneficiary|group|medicare|medicaid|mbi|hicn?|payer|payor|coverage|hmo|ppo|bcbs|aetna|cigna|humana|tricare|prior\s?auth(?:orization)?|claim|referral|enrollee|hp)"""
_ACCOUNT: Final = r"""(?:acc(?:oun)?t|account|invoice|bill(?:ing)?|guarantor|bank|routing|iban|card|payment|encounter|visit|admission|case|accession|acc|specimen|requisition|order|sample|slide|block|study\s?(?:id|no|number)|lab\s?(?:id|no|number)|path(?:ology)?\s?(?:no|number|\#)|rx|prescription|ticket|confirmation|reference|ref|tracking|employee|badge|staff|student|user|unique|record\s?id|biometric|fingerprint)"""
_LICENCE: Final = r"""(?:(?:driver'?s?|medical|nursing|state|professional|physician|pharmac\w*)?\s?licen[cs]e|licen[cs]e|lic|certificate|cert|passport|dl|npi|dea|upin|tax\s?id|itin|ein|national\s?id|registration|visa|military\s?id|dod\s?id)"""
_DEVICE: Final = r"""(?:serial|ser|s/n|sn|device|implant|pacemaker|icd|pump|udi|imei|imsi|lot|model|vin|vehicle|(?:license\s)?plate|asset|mac)"""


def _is_telling(text: str) -> bool:
    """At least three digits, and not a dose, a year, a range or a decimal."""
    digits = checksums.digits_of(text)
    if len(digits) < 3:  # noqa: PLR2004 - "group 2", "model 10"
        return False
    is_decimal = "." in text and text.replace(".", "", 1).isdigit()
    is_year = text.isdigit() and text[:2] in {"19", "20"} and len(text) == 4  # noqa: PLR2004
    return not (is_decimal or is_year)


def _is_long_pair(text: str) -> bool:
    """Two or more groups of digits that are no range of years."""
    digits = checksums.digits_of(text)
    is_years = len(digits) == 8 and digits[:2] in {"19", "20"} and digits[4:6] in {"19", "20"}  # noqa: PLR2004
    return len(digits) >= 7 and not is_years  # noqa: PLR2004 - a telephone number without area


def _is_plate(text: str) -> bool:
    """Letters and at least three digits, and no length of a bone plate."""
    digits = checksums.digits_of(text)
    letters = "".join(character for character in text if character.isalpha())
    return len(digits) >= 3 and len(letters) >= 2 and letters.lower() not in {"mm", "cm", "holes"}  # noqa: PLR2004


# Concepts of SNOMED CT end with a check digit; what has none is no concept.
_PUBLIC: Final = r"\bsnomed(?:\s?-?ct)?(?:\s(?:code|concept|id))?[\s:\#]{1,3}"
_UNIT: Final = r"""(?!\s?(?:mg|mcg|ug|g|kg|ml|l|dl|iu|units?|meq|mmol|cells?|copies|/|%|years?|yrs?|days?|weeks?|months?|hours?|patients?|participants?|people|cases|steps|calories|kcal)\b)(?!\s?[/%])"""

RULES: Final[tuple[Rule, ...]] = (
    rule("record-by-cue", "MEDICAL_RECORD_NUMBER", 0.9, rf"\b{_RECORD}\b{_LINK}{_NUMBER}", _is_telling),
    rule("plan-by-cue", "HEALTH_PLAN_NUMBER", 0.8, rf"\b{_PLAN}\b\s?{_LINK}{_NUMBER}", _is_telling),
    rule("account-by-cue", "ACCOUNT_NUMBER", 0.7, rf"\b{_ACCOUNT}\b\s?(?:\#|no\b|num(?:ber)?s?\b|id\b|:|is\b){_LINK}{_NUMBER}", _is_telling),
    rule("record-run-together", "MEDICAL_RECORD_NUMBER", 0.9, r"(?<!\w)(?:mrn|mr|pid|emr|hrn)\s?\#?(?P<id>\d{4,12})(?!\w)"),
    rule("record-letter-first", "MEDICAL_RECORD_NUMBER", 0.9, rf"\b{_RECORD}\b{_LINK}(?P<id>[a-z]{{1,2}}\s\d{{5,}})(?!\w)"),
    rule("accession", "ACCOUNT_NUMBER", 0.8, rf"\b(?:accession|specimen|requisition|guarantor|invoice)\b{_LINK}{_NUMBER}", _is_telling),
    rule("licence-by-cue", "LICENSE_NUMBER", 0.8, rf"\b{_LICENCE}\b\s?{_LINK}{_NUMBER}", _is_telling),
    rule("device-by-cue", "DEVICE_SERIAL", 0.7, rf"\b{_DEVICE}\b\s?(?:serial|ser|\#|no\b|num(?:ber)?s?\b|id\b|:|s/n|sn\b|is\b){_LINK}{_NUMBER}", _is_telling),
    rule("serial-number", "DEVICE_SERIAL", 0.8, rf"(?<!\w)(?:s/n|sn|serial|udi|imei|imsi)(?!\w){_LINK}{_NUMBER}", _is_telling),
    rule("imei", "DEVICE_SERIAL", 0.8, r"(?<![\w-])\d{2}-?\d{6}-?\d{6}-?\d(?![\w-])", checksums.is_luhn),
    rule("vehicle-plate", "VEHICLE_ID", 0.7, r"\b(?:licen[cs]e|number|registration|tag)?\s?plates?\b(?:\s?(?:no\b\.?|number|\#|:|is|reads|,))?\W{0,3}(?P<id>[a-z0-9]{1,4}[\ -]?[a-z0-9]{2,5})(?!\w)", _is_plate),
    rule("biometric", "BIOMETRIC", 0.8, rf"\b(?:finger\s?prints?|retinal?\s(?:scan|image)|iris\s(?:scan|code)|voice\s?prints?|palm\s?prints?|hand\s?geometry|fac(?:e|ial)\s(?:id|template|geometry)|biometrics?)\b(?:\s(?:template|id|scan|code|record|hash|file)\b)?{_LINK}{_NUMBER}", _is_telling),
    rule("id-by-cue", "UNIQUE_IDENTIFIER", 0.6, rf"(?<![\w-])(?:id|i\.d\.|identifier)\b\s?(?:\#|no\b|num\w*|:|is\b)?{_LINK}{_NUMBER}", _is_telling),
    rule("hash-number", "UNIQUE_IDENTIFIER", 0.6, r"(?<!\w)\#\s?(?P<id>(?=[\w-]*\d{3})[a-z0-9][\w-]{3,30})", _is_telling),
    rule("letters-and-digits", "UNIQUE_IDENTIFIER", 0.6,
         r"(?<![\w.])(?!(?:nct|rs|pmid|pmc|doi|isbn|icd|cpt|loinc|snomed|grch|mir|cas|enst|ensg|chr|hg)[\s:-]?\d)(?P<id>[a-z]{1,6}[-_]?\d{5,}(?:[-_]?[a-z0-9]+)*)(?![\w])"),
    rule("digits-and-letters", "UNIQUE_IDENTIFIER", 0.6, r"(?<![\w.,-])(?P<id>\d{4,}[-_][a-z]{2,8}\d*|\d{2,}[-_][a-z]{1,4}[-_]?\d{3,}|[a-z]{2,5}[-_]\d{2,4}[-_]\d{2,}|[a-z]{1,3}\d{2}[-_]\d{3,})(?![\w])" ),
    rule("long-digits", "UNIQUE_IDENTIFIER", 0.6, rf"(?<![\w.,/-])(?<!{_PUBLIC})(?P<id>\d{{7,20}})(?![\w])(?![.,]\d){_UNIT}"),
    rule("no-public-code", "UNIQUE_IDENTIFIER", 0.6, rf"(?<={_PUBLIC})(?P<id>\d{{7,20}})(?!\w)", lambda text: not checksums.is_verhoeff(text)),
    rule("digit-groups", "UNIQUE_IDENTIFIER", 0.6, rf"(?<![\w.,/-])(?P<id>\d{{2,}}(?:-\d{{2,}}){{1,4}})(?![\w]){_UNIT}", _is_long_pair),
    rule("ssn", "US_SSN", 0.9, r"(?<![\d-])\d{3}[-.\ ]\d{2}[-.\ ]\d{4}(?![\d-])", checksums.is_ssn),
    rule("ssn-by-cue", "US_SSN", 0.9, rf"\b(?:ssn|s\.s\.n|social(?:\s?security)?)\b{_LINK}(?P<id>[\dx*]{{3}}[-.\ ]?[\dx*]{{2}}[-.\ ]?\d{{4}}|\d{{4}})\b"),
    rule("ssn-last-four", "US_SSN", 0.8, r"\b(?:last\s(?:four|4)|ending\s(?:in|with))\b[^\d\n]{0,30}(?P<id>\d{4})\b"),
    rule("phone", "PHONE_NUMBER", 0.8, r"(?<![\w.-])(?P<id>(?:\+?1[-.\ ]?)?(?:\([2-9]\d{2}\)\s?|[1-9]\d{2}[-.\ ])\d{3}[-.\ ]\d{4}(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?)(?!\d)"),
    rule("phone-international", "PHONE_NUMBER", 0.7, r"(?<![\w.])(?P<id>(?:\+|00)\d{1,3}[-.\ ]?(?:\(?\d{1,4}\)?[-.\ /]?){2,5}\d{2,4})(?!\w)"),
    rule("phone-local", "PHONE_NUMBER", 0.5, rf"(?<![\w.,/-])[2-9]\d{{2}}[-.]\d{{4}}(?![\d-]){_UNIT}"),
    rule("phone-by-cue", "PHONE_NUMBER", 0.8, r"\b(?:tel(?:ephone)?|ph(?:one)?|cell|mobile|fax|pager?|beeper|call(?:ed|\sback)?|contact|text|callback|whatsapp)\b(?:[\s:\#.,(]|\b(?:no|number|is|at|on|her|him|me|us|them|line|the|clinic|or|home|work|patient)\b){0,8}(?P<id>(?<!\d)\+?\(?\d(?:[\d\ ().-]){5,18}\d|(?<!\d)\d{4,6})(?!\d)"),
    rule("extension", "PHONE_NUMBER", 0.5, r"\b(?:ext\.?|extension|pager|beeper)\s?\#?:?\s?(?P<id>\d{3,6})\b"),
    rule("npi", "NPI", 0.7, r"(?<![\w.-])[12]\d{9}(?![\w-])", checksums.is_npi),
    rule("dea", "DEA_NUMBER", 0.9, r"(?<!\w)[abcdefghjklmnprstux][a-z9]\d{7}(?!\w)", checksums.is_dea),
    rule("mbi", "HEALTH_PLAN_NUMBER", 0.9, r"(?<!\w)[1-9][ac-hj-km-np-rt-y][ac-hj-km-np-rt-y0-9]\d-?[ac-hj-km-np-rt-y][ac-hj-km-np-rt-y0-9]\d-?[ac-hj-km-np-rt-y]{2}\d{2}(?!\w)"),
    rule("nhs", "MEDICAL_RECORD_NUMBER", 0.7, r"(?<![\w-])\d{3}\ ?\d{3}\ ?\d{4}(?![\w-])", checksums.is_nhs),
    rule("bank-routing", "ACCOUNT_NUMBER", 0.7, r"(?<![\w.-])\d{9}(?![\w-])", checksums.is_aba),
    rule("payment-card", "ACCOUNT_NUMBER", 0.9, r"(?<![\w-])(?:\d[-\ ]?){12,18}\d(?![\w-])", checksums.is_luhn),
    rule("digits-in-fours", "ACCOUNT_NUMBER", 0.6, r"(?<![\w-])\d{4}(?:[-\ ]\d{4}){2,4}(?![\w-])"),
    rule("national-insurance", "LICENSE_NUMBER", 0.8, r"(?<!\w)[a-z]{2}\ ?\d{2}\ \d{2}\ \d{2}\ ?[a-d](?!\w)"),
    rule("vehicle-registration", "VEHICLE_ID", 0.7, r"\b(?:reg(?:istration)?|plates?)\b\W{0,3}(?:no\b\.?\s|number\s|is\s)?(?P<id>[a-z]{2}\d{2}\ ?[a-z]{3})(?!\w)"),
    rule("login", "UNIQUE_IDENTIFIER", 0.6, r"\b(?:user\s?name|user\sid|log-?in|screen\sname)\b\s?(?:is\s|:\s?)?(?P<id>[a-z][\w.-]{3,30})", lambda text: not is_known_word(text.rstrip("."))),
    rule("recording", "BIOMETRIC", 0.6, r"(?<![\w.])(?P<id>(?=[\w-]*[\d_])[\w-]{4,60}\.(?:wav|mp[34]|m4a|mov))(?!\w)"),
    rule("iban", "ACCOUNT_NUMBER", 0.9, r"(?<!\w)[a-z]{2}\d{2}(?:\ ?[a-z0-9]{4}){2,7}\ ?[a-z0-9]{1,4}(?!\w)", checksums.is_iban),
    rule("vin", "VEHICLE_ID", 0.9, r"(?<!\w)[a-hj-npr-z0-9]{17}(?!\w)", checksums.is_vin),
    rule("udi", "DEVICE_SERIAL", 0.9, r"\(01\)\s?\d{14}(?:\s?\(\d{2}\)\s?[\w-]{1,20}){0,4}"),
    rule("mac", "DEVICE_SERIAL", 0.9, r"(?<!\w)(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?!\w)"),
    rule("uuid", "UNIQUE_IDENTIFIER", 0.9, r"(?<!\w)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?!\w)"),
)  # fmt: skip
"""Every rule of this kind."""
