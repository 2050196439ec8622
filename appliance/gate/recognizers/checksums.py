"""Check digits: what tells an identifier from a number that only looks like one."""

import re
from typing import Final

_DIGIT: Final = re.compile(r"\d")
_NPI_PREFIX: Final = "80840"
_VIN_VALUES: Final = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
        [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)],
        strict=True,
    )
)
_VERHOEFF_MOVES: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits_of(text: str) -> str:
    """Only the digits."""
    return "".join(_DIGIT.findall(text))


def is_luhn(text: str) -> bool:
    """Whether the digits pass the Luhn check (ISO/IEC 7812-1, annex B).

    >>> is_luhn("4111 1111 1111 1111")
    True
    """
    total = 0
    for place, digit in enumerate(reversed(digits_of(text))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the sum of its two digits
    return total % 10 == 0


def is_npi(text: str) -> bool:
    """Whether ten digits are a National Provider Identifier (45 CFR 162.406).

    >>> is_npi("1234567893")
    True
    """
    return is_luhn(_NPI_PREFIX + digits_of(text))


def is_dea(text: str) -> bool:
    """Whether two letters and seven digits are a DEA number (21 CFR 1301).

    >>> is_dea("AB1234563")
    True
    """
    numbers = [int(digit) for digit in digits_of(text)]
    return (sum(numbers[0:6:2]) + 2 * sum(numbers[1:6:2])) % 10 == numbers[6]


def is_ssn(text: str) -> bool:
    """Whether nine digits can be a Social Security number.

    Numbers out of advertisements (078-05-1120) and examples (123-45-6789) count: people who type
    one mean a number.
    """
    digits = digits_of(text)
    return digits[:3] not in {"000", "666"} and digits[3:5] != "00" and digits[5:] != "0000"


def is_nhs(text: str) -> bool:
    """Whether ten digits are an NHS number (check digit modulo 11).

    >>> is_nhs("943 476 5919")
    True
    """
    numbers = [int(digit) for digit in digits_of(text)]
    weighted = sum(weight * digit for weight, digit in zip(range(10, 1, -1), numbers, strict=False))
    return 11 - weighted % 11 in {numbers[9], numbers[9] + 11}


def is_aba(text: str) -> bool:
    """Whether nine digits are a bank's routing number (ABA check, weights 3, 7, 1).

    >>> is_aba("021000021")
    True
    """
    numbers = [int(digit) for digit in digits_of(text)]
    return sum(w * d for w, d in zip((3, 7, 1) * 3, numbers, strict=True)) % 10 == 0


def is_verhoeff(text: str) -> bool:
    """Whether the digits pass the Verhoeff check, as those of SNOMED CT concepts do.

    Source: SNOMED CT Release File Specifications, check-digit; Verhoeff 1969.

    >>> is_verhoeff("44054006")
    True
    """
    check = 0
    for place, digit in enumerate(reversed(digits_of(text))):
        moved = int(digit)
        for _ in range(place % 8):
            moved = _VERHOEFF_MOVES[moved]
        check = _multiply_dihedral(check, moved)
    return check == 0


def _multiply_dihedral(left: int, right: int) -> int:
    """The product in the group of the ten symmetries of a pentagon."""
    turned = left % 5 + (right % 5 if left < 5 else -(right % 5))  # noqa: PLR2004 - five turns
    is_flipped = (left < 5) != (right < 5)  # noqa: PLR2004 - five turns, five flips
    return turned % 5 + (5 if is_flipped else 0)


def is_vin(text: str) -> bool:
    """Whether 17 characters are a vehicle identification number (49 CFR 565.15).

    >>> is_vin("1M8GDM9AXKP042788")
    True
    """
    values = [_VIN_VALUES.get(letter, 0) for letter in text.upper()]
    check = sum(weight * value for weight, value in zip(_VIN_WEIGHTS, values, strict=True)) % 11
    return text.upper()[8] == ("X" if check == 10 else str(check))  # noqa: PLR2004 - ten is X


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN fit (ISO 13616, modulo 97), and it is no word.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("PU26 mutations")
    (True, False)
    """
    plain = "".join(character for character in text if character.isalnum()).upper()
    if plain[4:].isalpha():
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
