# ruff: noqa: E501 - one evasion a line reads best
"""Identifiers of the invented hospital in disguise: `python -m tests.benchmarks.bench_gate_evasion`.

Ten thousand sentences, each with one identifier of the registry, mutated in one of the ways below.
Prints how many the gate denies, by way, and how many of them the patient index and the reading of
what is encoded deny without any other detector. Exit code 1 if any passes.

Options: a count of payloads; `--index-only` leaves out spaCy and the tagger.
"""

import base64
import gzip
import json
import random
import string
import sys
import tempfile
import urllib.parse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from appliance.gate.inspection import Gate
from appliance.gate.normalisation import normalise
from appliance.gate.opening import open_gate
from appliance.records.verdicts import Decision
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from tests.benchmarks.bench_gate import Keys
from tests.benchmarks.bench_gate_clean import load_hospital, open_narrow_gate
from tests.lib.invented_hospital import hospital
from tests.lib.memory_vault import EventList

COUNT = 10_000
NAMES = {"name", "relative"}
DATES = {"birth-date", "date"}
# A house's town or ZIP code alone is for the recognizers; beside anything else the index counts it.
KINDS = {
    *NAMES,
    *DATES,
    *("mrn", "phone", "fax", "email", "ssn", "address", "street", "health-plan", "account"),
    *("licence", "vehicle", "device", "url", "ip", "biometric", "photo", "other-id"),
}
SENTENCES = (
    "Please write a sentence about {} and the fever.",
    "The chart shows {} at the top.",
    "{} came in with a cough.",
    "Use this: {}",
    "Write about a man with gout, {}, who takes allopurinol.",
)
ROT13 = str.maketrans(
    string.ascii_letters,
    string.ascii_lowercase[13:]
    + string.ascii_lowercase[:13]
    + string.ascii_uppercase[13:]
    + string.ascii_uppercase[:13],
)
SHIFT = str.maketrans(
    string.ascii_letters,
    string.ascii_lowercase[3:]
    + string.ascii_lowercase[:3]
    + string.ascii_uppercase[3:]
    + string.ascii_uppercase[:3],
)
CYRILLIC = str.maketrans("aeopcxyiABEKMHOPCTX", "аеорсхуіАВЕКМНОРСТХ")
GREEK = str.maketrans("ABEZHIKMNOPTYXov", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον")
LEET = str.maketrans("aeiostAEIOST", "431057431057")
WORDS = dict(
    zip(
        "0123456789",
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        strict=True,
    )
)
NATO = [
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

Mutation = Callable[[str, random.Random], str]


def _each(change: Callable[[str], str]) -> Mutation:
    return lambda text, _: "".join(map(change, text))


def _between(sign: str) -> Mutation:
    """The sign between the letters of each word, words as far apart as three of it."""
    return lambda text, _: (sign + " " + sign if sign.strip() else sign * 3).join(
        sign.join(word) for word in text.split()
    )


def _somewhere(sign: str) -> Mutation:
    """The sign once within every word."""

    def mutate(text: str, rng: random.Random) -> str:
        cuts = [
            (word, rng.randrange(1, len(word)) if len(word) > 2 else 0) for word in text.split()
        ]
        return " ".join(word[:cut] + sign + word[cut:] if cut else word for word, cut in cuts)

    return mutate


def _slip(text: str, rng: random.Random) -> str:
    """One letter of the family name wrong, missing, doubled or exchanged."""
    given, family = text.rsplit(" ", 1)
    at = rng.randrange(1, len(family) - 1)
    letter = rng.choice(string.ascii_lowercase)
    return f"{given} " + rng.choice(
        [
            family[:at] + letter + family[at + 1 :],
            family[:at] + family[at + 1 :],
            family[:at] + family[at] + family[at:],
            family[:at] + family[at + 1] + family[at] + family[at + 2 :],
        ]
    )


def _day(form: str) -> Mutation:
    def mutate(text: str, _: random.Random) -> str:
        year, month, day = (int(part) for part in text.split("-"))
        name = MONTHS[month - 1]
        return form.format(y=year, yy=year % 100, m=month, d=day, name=name, mon=name[:3])

    return mutate


def _spelled_digits(text: str, _: random.Random) -> str:
    return " ".join(WORDS.get(sign, sign) for sign in text if sign.isalnum())


def _nato(text: str, _: random.Random) -> str:
    parts = []
    for word in text.split():
        signs = [sign for sign in normalise(word).text.lower() if sign.isascii() and sign.isalnum()]
        parts.append(" ".join(sign if sign.isdigit() else NATO[ord(sign) - 97] for sign in signs))
    return " / ".join(parts)


def _base64(text: str, _: random.Random) -> str:
    return base64.b64encode(text.encode()).decode()


ANY: dict[str, Mutation] = {
    "as written": lambda text, _: text,
    "upper case": lambda text, _: text.upper(),
    "lower case": lambda text, _: text.lower(),
    "swapped case": lambda text, _: text.swapcase(),
    "zero-width spaces": _each(lambda sign: sign + "\u200b"),
    "soft hyphens": _each(lambda sign: sign + "\u00ad"),
    "bidi controls": lambda text, _: f"\u202d{text[:3]}\u202c\u2066{text[3:]}\u2069",
    "full width": _each(lambda sign: chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign),
    "mathematical letters": _each(
        lambda sign: (
            chr(0x1D400 + ord(sign) - 65)
            if "A" <= sign <= "Z"
            else chr(0x1D41A + ord(sign) - 97)
            if "a" <= sign <= "z"
            else chr(0x1D7CE + int(sign))
            if sign in string.digits
            else sign
        )
    ),
    "circled letters": _each(
        lambda sign: (
            chr(0x24B6 + ord(sign) - 65)
            if "A" <= sign <= "Z"
            else chr(0x24D0 + ord(sign) - 97)
            if "a" <= sign <= "z"
            else sign
        )
    ),
    "Cyrillic look-alikes": lambda text, _: text.translate(CYRILLIC),
    "Greek look-alikes": lambda text, _: text.translate(GREEK),
    "combining marks": _each(lambda sign: sign + "\u0301" if sign.isalpha() else sign),
    "no-break spaces and hyphens": lambda text, _: text.replace(" ", "\u00a0").replace(
        "-", "\u2011"
    ),
    "spaced out": _between(" "),
    "dots between": _between("."),
    "hyphens between": _between("-"),
    "underscores between": _between("_"),
    "asterisks between": _between("*"),
    "emoji between": _between("\U0001f642"),
    "a letter a line": _between("\n"),
    "quoted pieces": lambda text, _: "+".join(f"'{piece}'" for piece in _chunks(text, 3)),
    "broken over a line": _somewhere("-\n"),
    "a blank in every word": _somewhere(" "),
    "a tag in every word": _somewhere("<b></b>"),
    "a mark in every word": _somewhere("**"),
    "entities": _each(lambda sign: f"&#{ord(sign)};"),
    "entities in hex": _each(lambda sign: f"&#x{ord(sign):x};"),
    "percent": lambda text, _: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent twice": lambda text, _: urllib.parse.quote(
        "".join(f"%{byte:02X}" for byte in text.encode())
    ),
    "base64": _base64,
    "base64 twice": lambda text, rng: _base64(_base64(text, rng), rng),
    "base64 of gzip": lambda text, _: base64.b64encode(
        gzip.compress(text.encode(), mtime=0)
    ).decode(),
    "base32": lambda text, _: base64.b32encode(text.encode()).decode(),
    "hex": lambda text, _: text.encode().hex(),
    "hex in pairs": lambda text, _: text.encode().hex(" "),
    "hex of gzip": lambda text, _: gzip.compress(text.encode(), mtime=0).hex(),
    "binary": lambda text, _: " ".join(f"{byte:08b}" for byte in text.encode()),
    "decimal codes": lambda text, _: " ".join(str(byte) for byte in text.encode("ascii", "ignore")),
    "backslash escapes": _each(lambda sign: f"\\u{ord(sign):04x}"),
    "rot13": lambda text, _: text.translate(ROT13),
    "reversed": lambda text, _: text[::-1],
    "words reversed": lambda text, _: " ".join(word[::-1] for word in text.split()),
    "JSON": lambda text, _: json.dumps({"a": {"value": text}, "n": 1}),
    "JSON, word by word": lambda text, _: json.dumps(
        {f"k{at}": word for at, word in enumerate(text.split())}
    ),
    "CSV": lambda text, _: '"x","' + '","'.join(text.split()) + '"',
    "XML": lambda text, _: "".join(f"<p>{word}</p>" for word in text.split()),
    "tag characters": _each(lambda sign: chr(0xE0000 + ord(sign)) if sign.isascii() else sign),
    "read every second letter": lambda text, rng: (
        "Read every second letter: "
        + "".join(sign + rng.choice(string.ascii_lowercase) for sign in text)
    ),
    "Spanish around it": lambda text, _: (
        f"El paciente {text} fue dado de alta con los medicamentos por la tarde"
    ),
}
OF_NAMES: dict[str, Mutation] = {
    "family name first": lambda text, _: f"{text.split()[-1]}, {' '.join(text.split()[:-1])}",
    "one letter wrong": _slip,
    "in one run": lambda text, _: text.replace(" ", ""),
    "in one run, small": lambda text, _: text.replace(" ", "").lower(),
    "initial": lambda text, _: (
        f"{text[0]}. {text.split(' ', 1)[1] if len(text.split()) == 2 else text.split()[-1]}"
    ),
    "middle initial": lambda text, _: f"{text.split()[0]} K. {text.split(' ', 1)[1]}",
    "leetspeak": lambda text, _: text.translate(LEET),
    "doubled letters": _each(lambda sign: sign * 2 if sign.isalpha() else sign),
    "letters three times": _each(lambda sign: sign * 3 if sign.isalpha() else sign),
    "shifted by three": lambda text, _: normalise(text).text.translate(SHIFT),
    "spelling alphabet": _nato,
    "columns between": lambda text, _: f"first,x,last\n{text.split()[0]},7,{text.split(' ', 1)[1]}",
}
OF_NUMBERS: dict[str, Mutation] = {
    "digits spelled": _spelled_digits,
    "in pairs": lambda text, _: " ".join(
        sign for sign in _chunks("".join(filter(str.isalnum, text)), 2)
    ),
    "without separators": lambda text, _: "".join(filter(str.isalnum, text)),
    "slashes": lambda text, _: "/".join(_chunks("".join(filter(str.isalnum, text)), 3)),
    "line ends": lambda text, _: "\n".join(_chunks("".join(filter(str.isalnum, text)), 4)),
    "glued to a word": lambda text, _: f"mrn{''.join(filter(str.isalnum, text))}x",
}
OF_DAYS: dict[str, Mutation] = {
    form: _day(form)
    for form in (
        "{m}/{d}/{y}", "{d}.{m}.{y}", "{d:02}-{m:02}-{y}", "{m:02}/{d:02}/{yy:02}", "{name} {d}, {y}", "{d} {name} {y}",
        "{mon} {d} '{yy:02}", "{d}-{mon}-{y}", "{y}{m:02}{d:02}", "{m:02}{d:02}{y}", "{y}/{m}/{d}", "{d}th of {name}, {y}",
    )
}  # fmt: skip


def _chunks(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]


def payloads(count: int) -> list[tuple[str, str, str]]:
    """So many triples (way, kind of identifier, text), every way about equally often."""
    rng = random.Random(17)
    known = [
        item
        for patient in hospital().patients
        for item in patient.identifiers
        if item.kind in KINDS
    ]
    by_way = {
        **dict.fromkeys(ANY, known),
        **{way: [item for item in known if item.kind in NAMES] for way in OF_NAMES},
        **{
            way: [item for item in known if item.kind in {"mrn", "phone", "fax", "ssn", "account"}]
            for way in OF_NUMBERS
        },
        **{way: [item for item in known if item.kind in DATES] for way in OF_DAYS},
    }
    mutations = {**ANY, **OF_NAMES, **OF_NUMBERS, **OF_DAYS}
    ways = list(by_way)
    made = []
    for number in range(count):
        way = ways[number % len(ways)]
        item = rng.choice(by_way[way])
        mutated = mutations[way](item.value, rng)
        made.append((way, item.kind, rng.choice(SENTENCES).format(mutated)))
    return made


def main(arguments: list[str]) -> int:
    """One line per way; the count of those that passed is the exit code's reason."""
    index_only = "--index-only" in arguments
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    made = payloads(numbers[0] if numbers else COUNT)
    with tempfile.TemporaryDirectory() as directory:
        load_hospital(Path(directory))
        path = Path(directory) / "patients.index"
        gates = {"index alone": open_narrow_gate(path)}
        if not index_only:
            gates["the gate"] = open_gate(
                shipped_policies(), path, Keys(), SystemClock(), EventList()
            )
        texts = [text for _, _, text in made]
        denied = {name: _denied(gate, texts) for name, gate in gates.items()}
    totals = Counter(way for way, _, _ in made)
    sys.stdout.write(f"way | payloads | passed {' | passed '.join(gates)}\n")
    for way in totals:
        passed = [
            sum(
                one[0] == way and not is_denied
                for one, is_denied in zip(made, denied[name], strict=True)
            )
            for name in gates
        ]
        sys.stdout.write(f"{way} | {totals[way]} | {' | '.join(map(str, passed))}\n")
    for name in gates:
        passed = [one for one, is_denied in zip(made, denied[name], strict=True) if not is_denied]
        sys.stdout.write(f"all {len(totals)} ways, {name}: {len(passed)} of {len(made)} passed\n")
        if "--show" in arguments:
            sys.stdout.writelines(f"    {way} | {kind} | {text!r}\n" for way, kind, text in passed)
    return int(not all(denied[list(gates)[-1]]))


def _denied(gate: Gate, texts: list[str]) -> list[bool]:
    verdicts = []
    for first in range(0, len(texts), 64):
        verdicts += gate.inspect_many(texts[first : first + 64])
    return [verdict.decision is Decision.DENY for verdict in verdicts]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
