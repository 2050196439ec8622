"""Signatures in OpenSSH's format (PROTOCOL.sshsig), made and verified by `ssh-keygen`.

So a hospital can verify a bundle by hand with a program that it has already, and what the installer
does is nothing else. Which keys are trusted stands in an allowed-signers file (ssh-keygen(1)) that
the hospital got another way than the bundle.
"""

import base64
import binascii
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from offline.files import read_regular
from offline.refusal import BAD_INPUT, Refused

NAMESPACE: Final = "appliance-bundle"
"""A signature for this purpose is good for no other, and the reverse."""
PRINCIPAL: Final = "appliance-release"
"""Whom an allowed-signers file must name."""
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_MOST: Final = 1 << 14
_ARMOUR: Final = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n"
)
# Options of an allowed signer, ssh-keygen(1).
_BEFORE: Final = re.compile(rb'(valid-before=)"[^"]*"', re.IGNORECASE)
_AFTER: Final = re.compile(rb'(valid-after=)"[^"]*"', re.IGNORECASE)
_WIDTH: Final = 70
_ED25519: Final = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com")


def verify(message: bytes, signature: bytes, signers: bytes) -> None:
    """One of the allowed signers signed `message` for our purpose.

    Args:
        message: What was signed.
        signature: In OpenSSH's armour.
        signers: The content of an allowed-signers file.

    Raises:
        Refused: Not so, or it can't be told.
    """
    if not _is_canonical(signature):
        raise Refused("The signature is not as it was written.", "Get the bundle again.")
    if _is_good(message, signature, signers):
        return
    # Refused in any case: asked without its times, only to say why.
    if _is_good(message, signature, _without_end(signers)):
        raise Refused(
            "The manifest bears the signature of an allowed signer whose key has expired "
            "(valid-before). It is as that key signed it.",
            "Get a bundle that is signed with the supplier's present key, and that key's line for "
            "the allowed signers. See that this machine's clock is right.",
        )
    if _is_good(message, signature, _without_start(_without_end(signers))):
        raise Refused(
            "The manifest bears the signature of an allowed signer whose key does not count yet "
            "(valid-after). It is as that key signed it.",
            "Set this machine's clock, or wait until then.",
        )
    raise Refused(
        "The manifest bears no good signature of an allowed signer.",
        "Compare the allowed signers with the key that the supplier published; if that is "
        "right, the bundle was changed: do not use it.",
    )


def sign(path: Path, key: Path) -> Path:
    """`path.sig` holds the key's signature of the file; the key may be one of an agent or a token.

    Args:
        path: Any file.
        key: A private Ed25519 key, or the public half of one that an agent or a token holds.

    Raises:
        Refused: The key is of another kind, or can't sign.
    """
    public_half(key)
    # It asks before it overwrites.
    path.with_name(f"{path.name}.sig").unlink(missing_ok=True)
    done = _keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(path))
    if done.returncode != 0:
        raise Refused(
            f"{key} could not sign.", "Name an Ed25519 key that ssh-keygen can use.", BAD_INPUT
        )
    return path.with_name(f"{path.name}.sig")


def public_half(key: Path) -> str:
    """Type and key as they stand in an allowed-signers file.

    Raises:
        Refused: There is none, or it is no Ed25519 key.
    """
    public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        kind, encoded = read_regular(public, _MOST).decode("ascii").split()[:2]
    except (OSError, ValueError):
        raise Refused(
            f"{public} can't be read.",
            "Make a key: `ssh-keygen -t ed25519 -C appliance-release -f KEY`.",
            BAD_INPUT,
        ) from None
    if kind not in _ED25519:
        raise Refused(f"{public} is no Ed25519 key.", "Make one with -t ed25519.", BAD_INPUT)
    return f"{kind} {encoded}"


def signer_line(key: Path) -> str:
    """The line that a hospital puts into its allowed-signers file."""
    return f'{PRINCIPAL} namespaces="{NAMESPACE}" {public_half(key)}\n'


def _is_good(message: bytes, signature: bytes, signers: bytes) -> bool:
    # ssh-keygen wants files: copies of these very bytes, where nobody else can change them.
    with tempfile.TemporaryDirectory(prefix="appliance-") as folder:
        armour, allowed = Path(folder) / "signature", Path(folder) / "signers"
        armour.write_bytes(signature)
        allowed.write_bytes(signers)
        words = ("-Y", "verify", "-f", str(allowed), "-I", PRINCIPAL, "-n", NAMESPACE)
        return _keygen(*words, "-s", str(armour), message=message).returncode == 0


def _without_end(signers: bytes) -> bytes:
    return _BEFORE.sub(rb'\1"99991231"', signers)


def _without_start(signers: bytes) -> bytes:
    return _AFTER.sub(rb'\1"19700102"', signers)


def _is_canonical(armour: bytes) -> bool:
    """Whether it is the one way to write the signature: then not a byte of it can be changed."""
    match = _ARMOUR.fullmatch(armour)
    if match is None:
        return False
    try:
        blob = base64.b64decode(match[1].replace(b"\n", b""), validate=True)
    except binascii.Error:
        return False
    text = base64.b64encode(blob)
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return match[1] == b"\n".join(lines)


def _keygen(*words: str, message: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words],  # noqa: S607 - looked up in the system's own directories only
            input=message,
            capture_output=True,
            check=False,
            env={"PATH": _PATH, **_agent()},
        )
    except FileNotFoundError:
        raise Refused(
            "ssh-keygen is not installed.", "Install the system's OpenSSH client.", BAD_INPUT
        ) from None


def _agent() -> dict[str, str]:
    """What reaches a key that an agent or a token holds."""
    wanted = ("SSH_AUTH_SOCK", "SSH_ASKPASS", "HOME")
    return {name: os.environ[name] for name in wanted if name in os.environ}
