"""A support bundle of a site that is full of secrets, and none of them in it."""

import base64
import codecs
import gzip
import html
import json
import random
import re
import urllib.parse
import zipfile

import pytest

from appliance.cli.main import run
from appliance.errors import Denied
from appliance.gate.ruling import refuse
from appliance.records.audits import Standing
from appliance.records.backups import BEGUN, CREATED, REHEARSED, RESTORED
from appliance.records.events import ERASED
from appliance.records.identifiers import Digest
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from appliance.records.progress import Silent
from appliance.records.status import WORK
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.keys import Purpose
from appliance.workflows import support
from appliance.workflows.ingest import import_stream
from appliance.workflows.patients import register
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import init, open_site
from appliance.workflows.support import FACTS, bundle, check_clean, collect, leaves
from tests.lib.audited_site import narrow_gate
from tests.lib.tiny_corpora import write_tiny_corpus

pytestmark = pytest.mark.slow

ENCODINGS = {
    "plain": lambda text: text,
    "upper": str.upper,
    "lower": str.lower,
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "entities": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "escapes": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
}
_GIVEN = ("Ottoline", "Barnaby", "Philippa", "Ludovic", "Rosalind", "Thaddeus", "Winifred")
_FAMILY = ("Quillfeather", "Marrowgate", "Plinthworthy", "Ashgrove", "Thistlewood", "Penhallow")


def _secrets():
    """Two hundred invented things that must not get out: names, numbers, passwords, addresses."""
    rng = random.Random(11)
    made = []
    for number in range(40):
        name = f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}{number}"
        made += [
            name,
            f"{rng.randrange(10**7, 10**8)}",
            f"{rng.randrange(101, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}",
            f"{name.replace(' ', '.')}@mail.example.org",
            f"sk-proj-{rng.randbytes(18).hex()}",
        ]
    return made


SECRETS = _secrets()
FORMS = [encode(secret) for secret in SECRETS for encode in ENCODINGS.values()]


def _encoded():
    """Each secret in one of the encodings, in turn."""
    ways = list(ENCODINGS.values())
    return [ways[at % len(ways)](secret) for at, secret in enumerate(SECRETS)]


def _file_name(text):
    return urllib.parse.quote(text, safe=" @")[:150]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Secrets in notes, registry, settings, keys, names of files and folders, logs and reports."""
    site = init(tmp_path_factory.mktemp("support") / "site", "air-gapped")
    paths, encoded = site.paths, _encoded()
    notes = [
        SourceNote(f"LH-{at}", f"P-{at}", "letter", "", f"Seen: {secret}.")
        for at, secret in enumerate(encoded)
    ]
    import_stream(site, notes, Silent())
    patients = [
        SourcePatient(f"P-{at}", (PatientIdentifier("name", SECRETS[5 * at]),)) for at in range(40)
    ]
    register(site, patients, Silent())
    rng = iter(encoded)
    for directory in (paths.reports, paths.run, paths.policies, paths.labels, paths.gateway):
        for _ in range(16):
            secret = next(rng)
            (directory / f"{_file_name(secret)}.log").write_text(f"{secret}\n" * 3)
    for _ in range(16):
        write_tiny_corpus(paths.corpora / _file_name(next(rng)))
        (paths.adapters / _file_name(next(rng))).mkdir()
        (paths.models / _file_name(next(rng))).mkdir()
    (paths.keys / "callers").mkdir()
    for _ in range(16):
        secret = next(rng)
        (paths.keys / "callers" / _file_name(secret)).write_text(secret)
    (paths.keys / "provider-key").write_text(SECRETS[4])
    for path in (paths.keys / "provider-key", *(paths.keys / "callers").iterdir()):
        path.chmod(0o600)
    settings = paths.settings.read_text()
    for table, key, value in (
        ("vllm", "model", json.dumps(SECRETS[0])),
        ("ray", "address", json.dumps(SECRETS[5])),
        ("gateway", "at", json.dumps(SECRETS[10])),
        ("learning", "base", json.dumps(encoded[9])),
        ("learning", "seed", SECRETS[1].lstrip("0")),
    ):
        pattern = rf"(?ms)(^\[{table}\]\n.*?^{key} = )[^\n]*"
        settings = re.sub(pattern, lambda match, new=value: match[1] + new, settings, count=1)
    paths.settings.write_text(settings)
    site = open_site(paths.root)
    for at, secret in enumerate(SECRETS):
        site.ledger.record("gateway.opened", {"reason": secret.replace(" ", "-"), "rule": f"r{at}"})
    return site


def _facts(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [FACTS]
        return archive.read(FACTS)


def _unpacked(path):
    return path.read_bytes() + _facts(path)


def _found(content):
    text = content.decode("latin-1").lower()
    return sorted({form for form in FORMS if form.lower() in text})


def test_two_hundred_secrets_are_planted_in_twelve_encodings():
    assert len(set(SECRETS)) == 200
    assert len(ENCODINGS) == 12
    assert len(FORMS) == 2400


def test_of_two_hundred_planted_secrets_none_is_in_the_bundle(site, tmp_path):
    """By any of twelve encodings; nor is a key, in any of its forms."""
    done = bundle(site.paths.root, tmp_path / "b.zip", open_gate=narrow_gate)

    content = _unpacked(done.path)
    assert _found(content) == []
    for purpose in Purpose:
        key = site.keys.key(purpose)
        for form in (key, key.hex().encode(), base64.b64encode(key)):
            assert form not in content
    facts = json.loads(_facts(done.path))
    assert facts["status"]["notes"] == 200
    assert facts["settings"]["vllm"]["model"] == "set"
    assert facts["settings"]["learning"]["seed"] == "set"
    assert facts["events"]["gateway.opened"] == 200


def test_the_sites_own_gate_lets_the_bundle_pass(site, tmp_path):
    """The real one, models and all, by the command: what the product says raises no alarm."""
    out = tmp_path / "b.zip"

    assert run(["support-bundle", "--out", str(out), "--site", str(site.paths.root)]) == 0

    assert _found(_unpacked(out)) == []
    gate = open_site_gate(site)
    (tmp_path / "none").mkdir()
    words = [*leaves({"policies": support._policies(tmp_path / "none")})]
    words += [("kind", kind) for kind in (BEGUN, CREATED, REHEARSED, RESTORED, ERASED)]
    words += [("verdict", standing.value) for standing in Standing]
    words += [("work", work) for work in WORK]
    words += [("size", support._magnitude(10.0**power)) for power in range(-6, 7)]
    words += [("size", support._magnitude(number)) for number in (0, -1, -20_000)]
    check_clean(words, gate)


_ALLOW = Verdict(Decision.ALLOW, (), (), "no-hit", Digest("0" * 64))


class _Watching:
    """Sees every text, and denies one."""

    def __init__(self, denied=None):
        self.seen = []
        self._denied = denied

    def inspect_many(self, texts, *, only_decide=False):
        del only_decide
        self.seen.extend(texts)
        no = refuse("planted", Digest("0" * 64))
        return [no if text == self._denied else _ALLOW for text in texts]


def test_one_text_that_the_gate_denies_and_there_is_no_bundle(site, tmp_path):
    """It says where, not what; nothing is written, and nothing is on record."""
    size = open_site(site.paths.root).ledger.head().size

    with pytest.raises(Denied) as refusal:
        bundle(site.paths.root, tmp_path / "b.zip", open_gate=lambda _: _Watching("SITE004"))

    assert "doctor, text" in str(refusal.value)
    assert "SITE004" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []
    assert open_site(site.paths.root).ledger.head().size == size


@pytest.fixture(scope="module")
def document(site):
    return dict(collect(site, site.paths.root))


@pytest.mark.parametrize("place", ["versions", "settings", "doctor"])
def test_a_patients_name_in_any_fact_or_key_denies(site, document, place):
    """Were somebody to add a fact that holds one, the gate would still stand there."""
    gate = narrow_gate(site)
    for planted in ({"note": SECRETS[0]}, {SECRETS[5]: 1}, {"list": [[SECRETS[10]]]}):
        spoiled = document | {place: document[place] | planted}

        with pytest.raises(Denied) as refusal:
            check_clean(list(leaves(spoiled)), gate)

        assert f"{place}, text" in str(refusal.value)
        assert not any(part in str(refusal.value) for part in SECRETS)


def _strings(value):
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def _numbers(value):
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return [number for item in inside for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("417722", "ten to the 5"),
        ("0", "as shipped"),
        ("7", "ten to the 0"),
        ("-33", "minus ten to the 1"),
    ],
)
def test_a_number_that_somebody_chose_is_told_by_its_size(tmp_path, number, told):
    """It could be a patient's: no number of a setting is in the bundle, and the gate reads these.

    What is shipped is nobody's, and told as such.
    """
    site = init(tmp_path / "site", "air-gapped")
    text = site.paths.settings.read_text()
    for old, new in (("seed = 0", f"seed = {number}"), ("rate = 0.001", "rate = 0.05")):
        assert f"{old}\n" in text
        text = text.replace(f"{old}\n", f"{new}\n")
    site.paths.settings.write_text(text)

    settings = collect(open_site(site.paths.root), site.paths.root)["settings"]

    assert settings["learning"]["seed"] == told
    assert settings["learning"]["epochs"] == "as shipped"
    assert settings["learning"]["learning_rate"] == "ten to the -2"
    assert _numbers(settings) == []


def test_every_text_of_the_bundle_is_inspected(site, tmp_path):
    gate = _Watching()

    done = bundle(site.paths.root, tmp_path / "b.zip", open_gate=lambda _: gate)

    facts = json.loads(_facts(done.path))
    inside = [text for section in facts.values() for text in _strings(section)]
    assert sorted(gate.seen) == sorted(inside)


def test_a_dry_run_inspects_and_writes_nothing(site, tmp_path):
    size = open_site(site.paths.root).ledger.head().size

    done = bundle(site.paths.root, tmp_path / "b.zip", open_gate=narrow_gate, dry_run=True)

    assert done.inspected > 100
    assert list(tmp_path.iterdir()) == []
    assert open_site(site.paths.root).ledger.head().size == size


def test_the_encodings_are_what_they_say():
    """What was encoded comes back, so that what is searched for is what was planted."""
    secret = SECRETS[0]

    assert html.unescape(ENCODINGS["entities"](secret)) == secret
    assert gzip.decompress(base64.b64decode(ENCODINGS["gzip"](secret))).decode() == secret
    assert codecs.encode(ENCODINGS["rot13"](secret), "rot13") == secret
    assert ENCODINGS["escapes"](secret).encode().decode("unicode_escape") == secret
    assert bytes.fromhex(ENCODINGS["hex"](secret)).decode() == secret
