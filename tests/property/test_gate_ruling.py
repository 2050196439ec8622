"""The ruling is monotone: more evidence never helps a text pass."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.gate.policy import load_phi_policy
from appliance.gate.ruling import rule
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit
from appliance.settings.policies import shipped_policies

POLICY = load_phi_policy(shipped_policies() / "phi.toml")
DIGEST = Digest("0" * 64)
HITS = st.builds(
    lambda start, length, entity, score: Hit(start, start + length, entity, score, "x"),
    st.integers(0, 50),
    st.integers(1, 20),
    st.sampled_from(["PERSON", "DATE", "PATIENT", "OTHER"]),
    st.floats(0, 1),
)


@given(st.lists(HITS), HITS, st.lists(HITS))
def test_adding_a_hit_never_turns_deny_into_allow(hits, more, lifted):
    """Nor does it take a hit out of the verdict."""
    before = rule(hits, lifted, POLICY, DIGEST)
    after = rule([*hits, more], lifted, POLICY, DIGEST)

    assert not (before.decision is Decision.DENY and after.decision is Decision.ALLOW)
    assert set(before.hits) <= set(after.hits)


@given(st.lists(HITS))
def test_the_order_of_hits_does_not_matter(hits):
    """Nor do repetitions."""
    assert rule(hits, [], POLICY, DIGEST) == rule([*reversed(hits), *hits], [], POLICY, DIGEST)
