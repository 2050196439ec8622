"""A bundle is taken whole and as it was signed, or not at all; looking at it writes nothing."""

import base64
import json
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA512, Hash

from offline.bundle import (
    MANIFEST,
    SIGNATURE,
    check_bundle,
    check_files,
    copy_file,
    encode,
    parse_manifest,
)
from offline.environment import furnish
from offline.refusal import NOT_AS_WRITTEN, Refused
from offline.signing import NAMESPACE, PRINCIPAL, sign, signer_line
from tests.lib.bundles import make_bundle, make_supplier
from tests.lib.house import REPOSITORY

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def supplier(tmp_path_factory):
    return make_supplier(tmp_path_factory.mktemp("supplier"))


@pytest.fixture(scope="module")
def template(tmp_path_factory, supplier):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", supplier, now=NOW)


@pytest.fixture
def bundle(template, tmp_path):
    return shutil.copytree(template, tmp_path / "bundle")


def refused(bundle, supplier, now=NOW):
    with pytest.raises(Refused) as refusal:
        check_bundle(bundle, supplier.signers, now)
    assert refusal.value.next_step
    return refusal.value


def test_a_whole_bundle_is_taken(bundle, supplier):
    """And nothing is written beside it or into it."""
    before = sorted(bundle.rglob("*"))

    manifest = check_bundle(bundle, supplier.signers, NOW)

    assert (manifest.release, manifest.counter) == ("1", 1)
    assert set(manifest.files) == {
        path.relative_to(bundle).as_posix()
        for path in before
        if path.is_file() and path.name not in {MANIFEST, SIGNATURE}
    }
    assert sorted(bundle.rglob("*")) == before


def test_it_is_the_file_that_ssh_keygen_verifies(bundle, supplier):
    """By hand, with what every machine has."""
    words = ["-Y", "verify", "-f", supplier.signers, "-I", PRINCIPAL, "-n", NAMESPACE]
    with (bundle / MANIFEST).open("rb") as manifest:
        done = subprocess.run(
            ["ssh-keygen", *words, "-s", bundle / SIGNATURE],
            stdin=manifest,
            capture_output=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr


def test_the_signature_is_ed25519_over_the_manifest(bundle):
    """Read by another program than the one that wrote it (PROTOCOL.sshsig)."""
    armour = (bundle / SIGNATURE).read_text().splitlines()[1:-1]
    blob = base64.b64decode("".join(armour))
    assert blob[:10] == b"SSHSIG" + struct.pack(">I", 1)
    rest, fields = blob[10:], []
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        fields.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    public, namespace, reserved, algorithm, signature = fields
    hasher = Hash(SHA512())
    hasher.update((bundle / MANIFEST).read_bytes())

    signed = b"SSHSIG" + b"".join(
        struct.pack(">I", len(part)) + part
        for part in (namespace, reserved, algorithm, hasher.finalize())
    )

    assert (namespace, algorithm) == (NAMESPACE.encode(), b"sha512")
    assert signature[:19] == struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 64)
    Ed25519PublicKey.from_public_bytes(public[-32:]).verify(signature[19:], signed)


@pytest.mark.slow
def test_every_thousandth_byte_of_every_file_is_seen(bundle, supplier):
    """Whichever is flipped, the bundle is refused; put right again, it is taken."""
    flips = 0
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        content = path.read_bytes()
        step = 100 if path.name in {MANIFEST, SIGNATURE} else 1000
        for at in range(0, len(content), step):
            changed = bytearray(content)
            changed[at] ^= 1 << (at // step) % 8
            path.write_bytes(changed)
            refused(bundle, supplier)
            flips += 1
        path.write_bytes(content)

    assert flips > 100
    check_bundle(bundle, supplier.signers, NOW)


@pytest.mark.parametrize("extra", ["\n", " ", "x", "\x00"])
@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, "LICENSE"])
def test_nothing_can_be_added_to_a_file(bundle, supplier, name, extra):
    with (bundle / name).open("a") as file:
        file.write(extra)

    refused(bundle, supplier)


def _drop(bundle):
    (bundle / "policies/phi.toml").unlink()


def _add(bundle):
    (bundle / "deploy/evil.sh").touch()


def _add_folder(bundle):
    (bundle / "wheels").mkdir()


def _link(bundle):
    (bundle / "LICENSE").rename(bundle / "policies/phi.toml.real")
    (bundle / "LICENSE").symlink_to("policies/phi.toml.real")


def _link_same_bytes(bundle):
    shutil.move(bundle / "LICENSE", bundle.parent / "LICENSE")
    (bundle / "LICENSE").symlink_to(bundle.parent / "LICENSE")


def _link_folder(bundle):
    shutil.move(bundle / "policies", bundle.parent / "policies")
    (bundle / "policies").symlink_to(bundle.parent / "policies")


def _link_manifest(bundle):
    shutil.move(bundle / MANIFEST, bundle.parent / MANIFEST)
    (bundle / MANIFEST).symlink_to(bundle.parent / MANIFEST)


def _link_signature(bundle):
    shutil.move(bundle / SIGNATURE, bundle.parent / SIGNATURE)
    (bundle / SIGNATURE).symlink_to(bundle.parent / SIGNATURE)


def _pipe(bundle):
    (bundle / "LICENSE").unlink()
    os.mkfifo(bundle / "LICENSE")


def _exchange(bundle):
    one, other = bundle / "LICENSE", bundle / "NOTICE"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _unsigned(bundle):
    (bundle / SIGNATURE).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _drop,
        _add,
        _add_folder,
        _link,
        _link_same_bytes,
        _link_folder,
        _link_manifest,
        _link_signature,
        _pipe,
        _exchange,
        _unsigned,
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(bundle, supplier, damage):
    damage(bundle)

    refused(bundle, supplier)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "a/../../evil",
        "a//b",
        "./a",
        ".venv/bin/python",
        "a/.b",
        "",
        "a\\b",
        "release.json",
        "ran",
        "manifest.json",
        "manifest.json.sig",
        "a/b\n",
        "é",
        "-rf",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_however_well_signed(bundle, supplier, name):
    """Absolute, upwards, hidden, or a name that the installer itself writes."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"][name] = manifest["files"]["LICENSE"]
    (bundle / MANIFEST).write_bytes(encode(manifest))
    sign(bundle / MANIFEST, supplier.key)

    assert "form" in refused(bundle, supplier).what


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "appliance-bundle/2"),
        ("counter", -1),
        ("counter", 1.0),
        ("counter", True),
        ("counter", "1"),
        ("release", "../1"),
        ("release", ""),
        ("expires", "2027-01-01T00:00:00"),
        ("expires", "never"),
        ("files", {}),
        ("files", {"a": {"size": -1, "sha256": "0" * 64}}),
        ("files", {"a": {"size": 1, "sha256": "0" * 63}}),
        ("files", {"a": {"size": 1, "sha256": "0" * 64, "mode": 1}}),
        ("files", ["a"]),
        ("more", 1),
    ],
)
def test_a_manifest_of_another_form_is_refused(bundle, key, value):
    manifest = json.loads((bundle / MANIFEST).read_text()) | {key: value}

    with pytest.raises(Refused, match="not of the form"):
        parse_manifest(encode(manifest))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": NaN}',
        b"\xff",
        b"[" * 100000,
        b'{"format": "appliance-bundle/1", "format": "appliance-bundle/1"}',
    ],
)
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(Refused, match="not of the form"):
        parse_manifest(content)


def test_another_key_is_not_taken(bundle, supplier, tmp_path):
    """Nor is the supplier's own, signing for another purpose."""
    stranger = make_supplier(tmp_path / "stranger")
    assert "signer" in refused(bundle, stranger).what

    (bundle / SIGNATURE).unlink()
    words = ["ssh-keygen", "-q", "-Y", "sign", "-f", supplier.key, "-n", "file"]
    subprocess.run([*words, bundle / MANIFEST], check=True, capture_output=True)
    assert "signer" in refused(bundle, supplier).what


def _with_times(supplier, tmp_path, *times):
    """The supplier, of whose key the hospital knows from when or until when it counts."""
    signers = tmp_path / "signers"
    name, options, *key = supplier.signers.read_text().split()
    signers.write_text(" ".join((name, ",".join((options, *times)), *key)) + "\n")
    return replace(supplier, signers=signers)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (['valid-before="20200101"'], "has expired"),
        (['valid-after="20190101"', 'VALID-BEFORE="20200101Z"'], "has expired"),
        (['valid-after="29990101"'], "does not count yet"),
    ],
)
def test_a_key_whose_time_is_over_is_not_called_a_changed_bundle(
    bundle, supplier, tmp_path, times, told
):
    """It is refused all the same; whoever was told of tampering would look for an intruder."""
    refusal = refused(bundle, _with_times(supplier, tmp_path, *times))

    assert told in refusal.what
    assert refusal.exit_code == NOT_AS_WRITTEN
    assert "was changed" not in refusal.next_step


def test_a_changed_manifest_is_one_whatever_time_its_key_has(bundle, supplier, tmp_path):
    manifest = bundle / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"counter": 1', b'"counter": 2'))

    for times in (['valid-before="20200101"'], ['valid-after="29990101"'], []):
        refusal = refused(bundle, _with_times(supplier, tmp_path, *times))

        assert "no good signature" in refusal.what
        assert "was changed" in refusal.next_step


def test_a_key_whose_time_is_not_over_is_taken(bundle, supplier, tmp_path):
    known = _with_times(supplier, tmp_path, 'valid-after="20190101"', 'valid-before="29990101"')

    check_bundle(bundle, known.signers, NOW)


def test_a_bundle_has_its_time(bundle, supplier):
    """Neither after it expired, nor where the clock stands before it was made."""
    assert "expired" in refused(bundle, supplier, NOW + timedelta(days=10)).what
    assert "clock" in refused(bundle, supplier, NOW - timedelta(days=2)).what
    check_bundle(bundle, supplier.signers, NOW + timedelta(days=9))


def test_a_file_that_changes_after_the_check_is_not_copied(bundle, supplier, tmp_path):
    manifest = check_bundle(bundle, supplier.signers, NOW)
    (bundle / "LICENSE").write_text("other")

    with pytest.raises(Refused, match="changed while"):
        copy_file(bundle / "LICENSE", tmp_path / "copy", "LICENSE", manifest.files["LICENSE"])

    assert not (tmp_path / "copy").exists()
    with pytest.raises(Refused, match="'LICENSE'"):
        check_files(bundle, manifest)


def test_what_is_kept_is_what_was_checked(bundle, supplier, tmp_path):
    """Manifest, signature and signers, whatever they are on the medium by then."""
    signers = tmp_path / "signers"
    shutil.copy(supplier.signers, signers)
    paths = (bundle / MANIFEST, bundle / SIGNATURE, signers)
    before = [path.read_bytes() for path in paths]

    manifest = check_bundle(bundle, signers, NOW)
    for path in paths:
        path.write_bytes(b"other")

    assert [manifest.content, manifest.signature, manifest.signers] == before
    # Without wheels it ends there; what it copied until then is what counts.
    with pytest.raises(Refused, match="no pip"):
        furnish(bundle, manifest, tmp_path / "release")
    kept = [(tmp_path / "release" / name).read_bytes() for name in (MANIFEST, SIGNATURE)]
    assert kept == before[:2]


def test_only_ed25519_keys_sign(tmp_path):
    key = tmp_path / "key"
    words = ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)

    with pytest.raises(Refused, match="no Ed25519 key"):
        signer_line(key)


def test_the_bill_of_materials_says_what_is_there(template):
    """Valid CycloneDX 1.6, or it is not written; here without a wheel."""
    said = json.loads((template / "sbom.cdx.json").read_text())

    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    assert said["metadata"]["component"]["name"] == "appliance"


def test_models_go_along_and_are_in_the_bill_of_materials(supplier, tmp_path):
    """Files that people hide, and what links lead to, become plain files or stay behind."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"weights")
    (model / "config.json").symlink_to(model / "weights")
    (model / ".cache").mkdir()

    bundle = make_bundle(tmp_path / "b", supplier, now=NOW, models={"ours": model})

    manifest = check_bundle(bundle, supplier.signers, NOW)
    found = {name for name in manifest.files if name.startswith("models/")}
    assert found == {"models/ours/weights", "models/ours/config.json"}
    [component] = json.loads((bundle / "sbom.cdx.json").read_text())["components"]
    assert (component["name"], component["type"]) == ("ours", "machine-learning-model")


def test_a_bundle_that_would_be_refused_is_not_made(supplier, tmp_path):
    """The builder looks at it as the hospital will."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "name with spaces").touch()

    with pytest.raises(Refused, match="not of the form"):
        make_bundle(tmp_path / "b", supplier, now=NOW, models={"ours": model})


def test_a_bundle_may_have_a_name_of_its_own():
    """Two bundles of one version need two: the installer takes no second one of a name."""
    words = ["make", "-n", "-C", str(REPOSITORY), "bundle", "KEY=key"]

    def build(*more):
        done = subprocess.run([*words, *more], capture_output=True, text=True, check=True)
        return done.stdout.split("offline.build", 1)[1]

    assert '--release "0.1.0-2"' in build("RELEASE=0.1.0-2")
    assert "--release" not in build()
