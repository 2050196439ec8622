"""A policy that does not parse opens nothing, and none can loosen the gate."""

import pytest

from appliance.errors import BadInput
from appliance.gate.policy import load_phi_policy
from appliance.settings.policies import shipped_policies

SHIPPED = (shipped_policies() / "phi.toml").read_text()


def test_the_shipped_policy_parses():
    """The policy that comes with the product is valid and needs all its detectors."""
    policy = load_phi_policy(shipped_policies() / "phi.toml")

    assert {"presidio", "patient-index", "note-overlap"} <= set(policy.detectors)
    assert policy.threshold("NEVER_HEARD_OF") == policy.default_threshold


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('unsure = "deny"', 'unsure = "allow"'),
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("version = 1", "version = 1\nbypass = true"),
        ('languages = ["en"]', 'languages = ["en", "es"]'),
        ('languages = ["en"]', "languages = []"),
        ('["patient-index", "note-overlap", "presidio", "tagger"]', '["presidio"]'),
        ('["patient-index", "note-overlap", "presidio", "tagger"]', "[]"),
        ('["patient-index", "note-overlap", "presidio", "tagger"]', '"presidio"'),
        ("max_characters = 60000", "max_characters = 0"),
        ("max_characters = 60000", "max_characters = true"),
        ("timeout_s = 20.0", "timeout_s = 0"),
        ("timeout_s = 20.0", 'timeout_s = "long"'),
        ("default_threshold = 0.30", "default_threshold = 1.0"),
        ("PERSON = 0.40", "PERSON = 0.99"),
        ("PERSON = 0.40", 'PERSON = "never"'),
        ("require_patient_index = false", "require_patient_index = 0"),
        ("[thresholds]", "[thresholds"),
        ("[thresholds]", "thresholds = 1\n[others]"),
        ('unsure = "deny"', "unsure = true"),
    ],
)
def test_a_policy_that_loosens_or_does_not_parse_is_refused(tmp_path, old, new):
    """Unknown keys, missing keys, values out of range: one clear error."""
    assert old in SHIPPED
    path = tmp_path / "phi.toml"
    path.write_text(SHIPPED.replace(old, new))

    with pytest.raises(BadInput, match=r"phi\.toml"):
        load_phi_policy(path)


def test_a_policy_that_cannot_be_read_is_refused(tmp_path):
    """Missing, or not UTF-8."""
    (tmp_path / "phi.toml").write_bytes(b"\xff\xfe")

    for name in ("phi.toml", "none.toml"):
        with pytest.raises(BadInput):
            load_phi_policy(tmp_path / name)
