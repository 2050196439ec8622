"""A key in shares: enough of them give it back, whichever they are; too few give nothing."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.backups.keys import identity_bytes, identity_of, make_identity, read_identities
from appliance.backups.shares import combine, split
from appliance.errors import BadInput, KeyMismatch
from appliance.workflows import recovery

SECRETS = st.binary(min_size=32, max_size=32)
WAYS = st.integers(2, 6).flatmap(lambda total: st.tuples(st.integers(2, total), st.just(total)))


@settings(max_examples=20)
@given(SECRETS, WAYS, st.randoms(use_true_random=False))
def test_any_m_of_the_shares_give_the_secret_back(secret, ways, random):
    """In any order, and with more than are needed."""
    needed, total = ways
    shares = split(secret, needed, total)
    random.shuffle(shares)

    assert combine(shares[:needed]) == secret
    assert combine(shares) == secret


@settings(max_examples=20)
@given(SECRETS, WAYS)
def test_one_share_less_gives_nothing(secret, ways):
    needed, total = ways
    shares = split(secret, needed, total)

    with pytest.raises(BadInput, match=f"{needed - 1} of {needed}"):
        combine(shares[: needed - 1])


def test_the_same_share_twice_is_one():
    shares = split(b"s" * 32, 2, 3)

    with pytest.raises(BadInput, match="1 of 2"):
        combine([shares[0], shares[0]])


def test_every_pair_of_three_gives_the_same():
    shares = split(bytes(range(32)), 2, 3)

    assert {combine(pair) for pair in itertools.permutations(shares, 2)} == {bytes(range(32))}


def test_a_wrong_word_is_noticed_and_no_share_is_quoted():
    first, second, _ = split(b"s" * 32, 2, 3)
    words = second.split()
    words[5] = "academic" if words[5] != "academic" else "acid"

    with pytest.raises(BadInput, match="Share 2") as refusal:
        combine([first, " ".join(words)])

    assert not {word for word in words if word in str(refusal.value).split()}


def test_shares_of_two_keys_are_told_apart():
    one, other = split(b"s" * 32, 2, 2), split(b"t" * 32, 2, 2)

    with pytest.raises(KeyMismatch):
        combine([one[0], other[1]])


@pytest.mark.parametrize(("needed", "total"), [(1, 1), (1, 3), (4, 3), (2, 17), (0, 0)])
def test_a_way_that_protects_nothing_is_refused(needed, total):
    with pytest.raises(BadInput):
        split(b"s" * 32, needed, total)


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=20)
def test_an_identity_is_its_bytes(tmp_path_factory, secret):
    """As age itself reads it: by its own library, from the words made here."""
    words, public = identity_of(secret)
    path = tmp_path_factory.mktemp("i") / "identity.txt"
    path.write_text(words)
    path.chmod(0o600)

    [identity] = read_identities(path)

    assert identity_bytes(identity) == secret
    assert str(identity.to_public()) == public


@pytest.fixture
def identity(tmp_path):
    public = recovery.make(tmp_path / "identity.txt")
    return tmp_path / "identity.txt", public


def test_an_identity_goes_through_paper(tmp_path, identity):
    """Split into files, two of them typed again without their heads, and the same identity."""
    path, public = identity
    done = recovery.split(path, "2-of-3", tmp_path / "shares")
    typed = []
    for number, file in enumerate(done.files[1:]):
        words = file.read_text().splitlines()[1].upper().split()
        typed.append(tmp_path / f"typed-{number}")
        typed[-1].write_text("\n".join(" ".join(words[at : at + 5]) for at in range(0, 33, 5)))

    combined = recovery.combine(typed, tmp_path / "again.txt", raw=False)

    assert combined.of == done.of == public
    assert str(read_identities(tmp_path / "again.txt")[0]) == str(read_identities(path)[0])
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in done.files)


def test_a_sites_key_goes_through_shares(tmp_path):
    (tmp_path / "vault.key").write_bytes(bytes(range(32)))
    (tmp_path / "vault.key").chmod(0o600)
    files = recovery.split(tmp_path / "vault.key", "2-of-2", tmp_path / "shares").files

    recovery.combine(files, tmp_path / "again.key", raw=True)

    assert (tmp_path / "again.key").read_bytes() == bytes(range(32))


def test_an_identity_is_not_given_back_as_something_else(tmp_path, identity):
    files = recovery.split(identity[0], "2-of-2", tmp_path / "shares").files

    with pytest.raises(KeyMismatch):
        recovery.combine(files, tmp_path / "again", raw=True)

    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("ways", ["", "2", "2of3", "two-of-three", "3-of-2", "1-of-2"])
def test_ways_that_are_none_are_refused(tmp_path, identity, ways):
    with pytest.raises(BadInput):
        recovery.split(identity[0], ways, tmp_path / "shares")

    assert not (tmp_path / "shares").exists()


def test_dry_runs_write_nothing(tmp_path, identity):
    files = recovery.split(identity[0], "2-of-2", tmp_path / "shares").files
    before = sorted(tmp_path.rglob("*"))

    recovery.make(tmp_path / "other.txt", dry_run=True)
    recovery.split(identity[0], "2-of-2", tmp_path / "more", dry_run=True)
    recovery.combine(files, tmp_path / "again.txt", raw=False, dry_run=True)

    assert sorted(tmp_path.rglob("*")) == before


def test_two_identities_are_two():
    assert make_identity() != make_identity()
