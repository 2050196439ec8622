"""Laws and standards, line by line, and which evidence of an audit speaks to each."""

from collections.abc import Mapping, Sequence
from typing import Final

from appliance.audits.evasion import AS_WRITTEN
from appliance.audits.standing import Check
from appliance.audits.statistics import share
from appliance.records.audits import AttackResult, HarborRow, Line, Standing

# Rule, what it asks for, attacks and doctor's checks that are evidence; "" where there is none.
HIPAA: Final = (
    ("164.308(a)(8)", "Periodic evaluation", ("audit",)),
    ("164.312(a)(1)", "Access control", ("SITE002", "SITE003", "HOST010")),
    ("164.312(a)(2)(i)", "Unique user identification", ()),
    ("164.312(a)(2)(ii)", "Emergency access procedure", ()),
    ("164.312(a)(2)(iii)", "Automatic logoff", ()),
    (
        "164.312(a)(2)(iv)",
        "Encryption and decryption",
        ("SITE004", "SITE010", "clear-text-at-rest", "HOST007", "HOST008", "HOST017"),
    ),
    ("164.312(b)", "Audit controls", ("ledger", "SITE007", "SITE008")),
    ("164.312(c)(1)", "Integrity", ("provenance", "SITE011", "SITE012")),
    ("164.312(c)(2)", "Mechanism to authenticate health information", ("SITE010", "ledger")),
    ("164.312(d)", "Person or entity authentication", ("SITE019", "SITE020", "SITE022")),
    (
        "164.312(e)(1)",
        "Transmission security",
        ("replay", "would-we-send-it-again", "evasion", "SITE015", "SITE025"),
    ),
    ("164.312(e)(2)(i)", "Integrity controls in transmission", ("replay", "SITE021")),
    ("164.312(e)(2)(ii)", "Encryption in transmission", ()),
)
OTHERS: Final = (
    (
        "GDPR Art. 5(1)(f), 32",
        "Integrity and confidentiality",
        ("safeguards", "clear-text-at-rest"),
    ),
    ("GDPR Art. 5(2), 30", "Accountability; records of processing", ("ledger", "replay")),
    ("GDPR Art. 25", "Data protection by design", ("evasion", "would-we-send-it-again")),
    ("GDPR Recital 26", "Singling out, linking", ("overlap", "re-identification")),
    (
        "EDPB Opinion 28/2024",
        "A model is not assumed anonymous",
        ("membership", "memorisation", "provenance"),
    ),
    ("NIST 800-53 AC-4", "Information flow enforcement", ("replay", "evasion")),
    ("NIST 800-53 AU-9(3)", "Cryptographic protection of audit information", ("ledger",)),
    ("NIST 800-53 AU-10", "Non-repudiation", ("ledger", "replay")),
    ("NIST 800-53 CA-7", "Continuous monitoring", ("audit",)),
    ("NIST 800-53 SC-7(5)", "Deny by default", ("SITE015", "SITE025")),
    ("NIST 800-53 SC-28", "Protection at rest", ("clear-text-at-rest", "SITE010")),
    ("NIST 800-53 SI-7", "Software and information integrity", ("provenance", "SITE011")),
)
# Letters and names of 45 CFR 164.514(b)(2)(i), and the registry's kinds that are of them.
HARBOR: Final = (
    ("A", "Names", ("name", "relative")),
    ("B", "Geographic subdivisions smaller than a state", ("address", "street", "city", "zip")),
    ("C", "Dates, except the year; ages over 89", ("birth-date", "date")),
    ("D", "Telephone numbers", ("phone",)),
    ("E", "Fax numbers", ("fax",)),
    ("F", "Electronic mail addresses", ("email",)),
    ("G", "Social security numbers", ("ssn",)),
    ("H", "Medical record numbers", ("mrn",)),
    ("I", "Health plan beneficiary numbers", ("health-plan",)),
    ("J", "Account numbers", ("account",)),
    ("K", "Certificate and licence numbers", ("licence",)),
    ("L", "Vehicle identifiers and licence plates", ("vehicle", "plate")),
    ("M", "Device identifiers and serial numbers", ("device",)),
    ("N", "Web addresses (URL)", ("url",)),
    ("O", "Internet addresses (IP)", ("ip",)),
    ("P", "Biometric identifiers", ("biometric",)),
    ("Q", "Full-face photographs", ("photo",)),
    ("R", "Any other unique number or code", ("other-id",)),
)
_NO_EVIDENCE: Final = {
    "164.312(a)(2)(i)": "The operating system tells who somebody is, to commands and to the "
    "console; the ledger names the account of each event. Whether people share an account is not "
    "looked at.",
    "164.312(a)(2)(ii)": "The appliance holds copies: the source system's procedure applies.",
    "164.312(a)(2)(iii)": "A command ends by itself. A session of the console ends when nobody "
    "uses it; this audit does not try that.",
    "164.312(e)(2)(ii)": "The gateway's policy refuses a provider's address that is neither https "
    "nor on this machine; what goes over the wire is not looked at.",
}
_GOOD: Final = frozenset({"pass", "skip"})


def judge_lines(
    rules: Sequence[tuple[str, str, tuple[str, ...]]],
    results: Sequence[AttackResult],
    checks: Sequence[Check],
    *,
    is_periodic: bool = False,
) -> tuple[Line, ...]:
    """Each rule with what its evidence came to.

    Args:
        rules: Of a law or standard.
        results: Of all attacks.
        checks: The doctor's.
        is_periodic: Whether there was an audit not long before this one.
    """
    ends = {result.attack: result.standing.value for result in results}
    ends |= {check.check_id: check.status for check in checks}
    titles = {
        check.check_id: f"{check.check_id}, {check.title[0].lower()}{check.title[1:]}"
        for check in checks
    }
    # One audit is an evaluation; that it is done again and again only the next one shows.
    ends["audit"] = "pass" if is_periodic else "not tested"
    titles["audit"] = "An audit before this one, in the last five weeks"
    return tuple(_judge(rule, text, names, ends, titles) for rule, text, names in rules)


def judge_harbor(results: Sequence[AttackResult]) -> tuple[HarborRow, ...]:
    """The 18 rows, from what the gate did with registered identifiers as they are written."""
    prefix = f"stopped {AS_WRITTEN}: "
    found = {
        one.name.removeprefix(prefix): (round((one.value or 0) * one.total), one.total)
        for result in results
        for one in result.estimates
        if one.name.startswith(prefix) and one.total
    }
    rows = []
    for letter, name, kinds in HARBOR:
        counts = [found[kind] for kind in kinds if kind in found]
        stopped = None
        if counts:
            stopped = share(
                name, sum(hits for hits, _ in counts), sum(total for _, total in counts)
            )
        rows.append(HarborRow(letter, name, stopped))
    return tuple(rows)


def _judge(
    rule: str, text: str, names: Sequence[str], ends: Mapping[str, str], titles: Mapping[str, str]
) -> Line:
    if not names:
        return Line(rule, text, Standing.NOT_TESTED, _NO_EVIDENCE.get(rule, "No evidence."))
    said = [(name, ends.get(name, "not tested")) for name in names]
    statuses = {status for _, status in said}
    if statuses & {"fail", "error"}:
        standing = Standing.FAIL
    elif "pass" not in statuses:
        # What there is nothing of was not looked at either.
        standing = Standing.NOT_TESTED
    elif statuses <= _GOOD or ("warn" in statuses and statuses <= {*_GOOD, "warn"}):
        standing = Standing.PASS
    else:
        standing = Standing.NOT_TESTED
    return Line(
        rule,
        text,
        standing,
        "; ".join(f"{titles.get(name, name)}: {status}" for name, status in said),
    )
