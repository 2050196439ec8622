# ruff: noqa: E501 - a table of patterns and word lists reads best one entry a line
"""E-mail, web, network addresses, handles; and text that hides what it says."""

import re
from typing import Final

from appliance.gate.recognizers.rules import Rule, rule

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_DOMAIN: Final = r"(?:com|org|net|edu|gov|mil|io|co|us|uk|de|fr|ca|au|info|biz|health|med|care|me|app|dev|tv|eu|ch|nl|es|it|in)"


# "p.o. b.i.d. p.r.n": how a prescription says how often.
_SIGS: Final = re.compile(r"(?:[\s.,-]*(?:p\.?o|b\.?i\.?d|t\.?i\.?d|q\.?i\.?d|p\.?r\.?n|q\.?d|q\.?h\.?s|h\.?s|i\.?v|i\.?m|s\.?c|a\.?c|p\.?c|q\.?o\.?d|a\.?m|p\.?m)\b\.?)+", re.IGNORECASE)  # fmt: skip


def _is_hidden(text: str) -> bool:
    """A run of letters and digits that no word looks like: both cases and digits, or padding."""
    has_digit = any(character.isdigit() for character in text)
    has_both = text.lower() != text and text.upper() != text
    return text.endswith("=") or (has_digit and has_both) or (has_digit and len(text) >= 32)  # noqa: PLR2004


RULES: Final[tuple[Rule, ...]] = (
    rule("email", "EMAIL_ADDRESS", 0.95, r"[\w.!\#$%&'*+/=?^`{|}~-]{1,64}\s?@\s?[a-z0-9](?:[a-z0-9-]{0,62}[.])+[a-z]{2,24}\b"),
    rule("email-no-dot", "EMAIL_ADDRESS", 0.7, r"(?<!\w)[\w.+-]{2,64}@[a-z][a-z0-9-]{1,62}\b"),
    rule("email-spelled", "EMAIL_ADDRESS", 0.8, rf"(?<!\w)[\w.+-]{{2,64}}\s?(?:\(at\)|\[at\]|\ at\ )\s?[a-z0-9-]{{2,62}}\s?(?:\(dot\)|\[dot\]|\ dot\ |\.)\s?{_DOMAIN}\b"),
    rule("url", "URL", 0.9, r"\b(?:https?|ftp|file|sftp|s3)://[^\s<>]{2,2000}|\bwww\.[^\s<>]{2,2000}"),
    rule("domain", "URL", 0.6, rf"(?<![\w@.-])(?:[a-z0-9-]{{2,62}}\.){{1,4}}{_DOMAIN}(?:/[^\s<>]{{0,2000}})?(?![\w.])"),
    rule("ipv4", "IP_ADDRESS", 0.8, rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w]|\.\d)"),
    rule("ipv6", "IP_ADDRESS", 0.8, r"(?<![\w:])(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}(?![\w:])|(?<![\w:])(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4}:?){1,6}(?![\w:])"),
    rule("handle", "URL", 0.6, r"(?<![\w@.])@[a-z_][\w.]{2,30}\b"),
    rule("picture", "PHOTO", 0.7, r"(?<![\w./-])[\w-]{1,80}\.(?:jpe?g|png|gif|heic|tiff?|bmp|dcm|webp|mp4|mov)(?!\w)|\bdata:image/"),
    rule("base64", "OBFUSCATED", 0.7, r"(?<![\w/+=-])[a-z0-9+/_-]{20,}={0,2}(?![\w/+=-])", _is_hidden),
    rule("hex", "OBFUSCATED", 0.7, r"(?<!\w)(?:0x)?(?:[0-9a-f]{2}){10,}(?!\w)|(?<!\w)(?:[0-9a-f]{2}[\ :,]){8,}[0-9a-f]{2}(?!\w)|(?:\\x[0-9a-f]{2}){3,}", lambda text: any(map(str.isdigit, text))),
    rule("percent", "OBFUSCATED", 0.7, r"(?:%[0-9a-f]{2}[\w.-]{0,6}){3,}|(?:%[0-9a-f]{2}){2,}"),
    rule("entities", "OBFUSCATED", 0.7, r"(?:&\#x?[0-9a-f]{2,6};\w{0,6}){2,}|(?:\\u[0-9a-f]{4}){2,}"),
    rule("spaced-letters", "OBFUSCATED", 0.6, r"(?<![\w.,'-])[a-z](?:[\ ._*~|/-]{1,3}[a-z]){4,}(?![\w'-])", lambda text: not _SIGS.fullmatch(text)),
    rule("spaced-digits", "OBFUSCATED", 0.6, r"(?<![\w.,/-])\d(?:[\ _*~|]{1,3}\d){5,}(?![\w.,/-])"),
    rule("spelled-digits", "OBFUSCATED", 0.6, r"\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)(?:[\s,.-]+(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)){4,}\b"),
)  # fmt: skip
"""Every rule of this kind."""
