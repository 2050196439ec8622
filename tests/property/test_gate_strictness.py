"""A site may make the gate stricter and never looser."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadInput
from appliance.gate.policy import check_strict, find_looser, load_phi_policy
from appliance.gate.ruling import rule
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit
from appliance.settings.policies import shipped_policies

PATH = shipped_policies() / "phi.toml"
FLOOR = load_phi_policy(PATH)
SHIPPED = tomllib.loads(PATH.read_text())
DIGEST = Digest("0" * 64)
ENTITIES = [*FLOOR.thresholds, "NEVER_HEARD_OF", "US_SSN"]
DETECTORS = ["presidio", "patient-index", "note-overlap", "tagger", "none"]
SHARES = st.floats(-0.5, 1.5) | st.floats(0, 0.4)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "unsure": st.sampled_from(["deny", "allow", "ask"]),
        "languages": st.lists(st.sampled_from(["en", "es"]), max_size=2),
        "detectors": st.lists(st.sampled_from(DETECTORS), max_size=5),
        "max_characters": st.integers(-1, 10**8),
        "timeout_s": st.floats(-1, 1000),
        "clearance_minutes": st.floats(-1, 10**6),
        "require_patient_index": st.booleans(),
        "default_threshold": SHARES,
        "thresholds": st.dictionaries(st.sampled_from(ENTITIES), SHARES),
        "bypass": st.booleans(),
    },
)
HITS = st.lists(
    st.builds(
        lambda start, entity, score: Hit(start, start + 1, entity, score, "x"),
        st.integers(0, 9),
        st.sampled_from(ENTITIES),
        st.floats(0, 1),
    )
)


def _write(path, document):
    """TOML of a flat document with one table."""
    lines = [f"{key} = {_value(value)}" for key, value in document.items() if key != "thresholds"]
    shares = [f"{key} = {_value(value)}" for key, value in document.get("thresholds", {}).items()]
    path.write_text("\n".join([*lines, "[thresholds]", *shares]))


def _value(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


@given(CHANGES, HITS, st.integers(0, 10**8))
def test_whatever_a_site_writes_nothing_more_passes(tmp_path_factory, changes, hits, length):
    """It is refused, or all that the product's own policy denies is denied still."""
    path = tmp_path_factory.mktemp("policy", numbered=True) / "phi.toml"
    _write(path, SHIPPED | changes)

    try:
        policy = load_phi_policy(path)
        check_strict(policy, FLOOR)
    except BadInput:
        return

    before, after = (rule(hits, [], one, DIGEST).decision for one in (FLOOR, policy))
    assert not (before is Decision.DENY and after is Decision.ALLOW)
    assert set(policy.detectors) >= set(FLOOR.detectors)
    assert set(policy.languages) <= set(FLOOR.languages)
    assert policy.clearance_minutes <= FLOOR.clearance_minutes
    assert not (length <= policy.max_characters and length > FLOOR.max_characters)


@given(st.dictionaries(st.sampled_from(ENTITIES), st.floats(0, 0.3)), st.floats(0, 0.3))
def test_a_stricter_policy_is_taken(tmp_path_factory, thresholds, default):
    """Lower numbers, fewer characters, a needed registry."""
    path = tmp_path_factory.mktemp("policy", numbered=True) / "phi.toml"
    stricter = {
        "thresholds": {key: min(value, FLOOR.threshold(key)) for key, value in thresholds.items()}
        | {key: 0.0 for key, value in FLOOR.thresholds.items() if value == 0},
        "default_threshold": default,
        "max_characters": 1000,
        "require_patient_index": True,
    }
    _write(path, SHIPPED | stricter)

    assert find_looser(load_phi_policy(path), FLOOR) == ()
