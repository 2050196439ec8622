"""Those who let something leave: their keys and signatures, made on machines of their own."""

import json
import secrets
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.errors import BadInput, KeyMismatch
from appliance.ledger.signing import Signer
from appliance.settings.credentials import read_private

HEADER: Final = "appliance-release/1"
"""First line of what is signed."""
_SEED_BYTES: Final = 32
_LONGEST: Final = 4096


def make_key(name: str, out: Path, *, dry_run: bool = False) -> str:
    """A person's signing key is in `out`, readable by its owner only; returns its verifier key.

    A dry run only checks that it could be, and returns "".

    Raises:
        BadInput: `out` is there already or can't be written.
    """
    check_absent(out)
    check_writable(out)
    if dry_run:
        return ""
    seed = secrets.token_bytes(_SEED_BYTES)
    write_atomically(out, json.dumps({"name": name, "seed": seed.hex()}).encode(), 0o600)
    return Signer(name, seed).verifier.verifier_key()


def sign(file: Path, key: Path, *, dry_run: bool = False) -> str:
    """The person's signature is on the statement in `file`, beside those before; needs no site.

    A dry run only checks that it could be.

    Returns:
        The person's name.

    Raises:
        BadInput: It is no statement, or the person has signed it already.
        KeyMismatch: The key is readable by others, or is none.
    """
    signer = _read_key(key)
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{file} can't be read.", "Name what `release ask` wrote.") from None
    text, _, signatures = content.partition("\n\n")
    text = text.removesuffix("\n") + "\n"
    if not text.startswith(f"{HEADER}\n"):
        raise BadInput(f"{file} is no statement.", "Name what `release ask` wrote.")
    name = signer.verifier.name
    if f"\u2014 {name} " in signatures:
        raise BadInput(f"{name} has signed it already.", "Let another approver sign.")
    if dry_run:
        return name
    line = signer.sign(text).decode().rpartition("\n\n")[2]
    write_atomically(file, f"{text}\n{signatures}{line}".encode(), 0o644)
    return name


def _read_key(path: Path) -> Signer:
    try:
        content, open_mode = read_private(path, _LONGEST)
        raw = json.loads(content)
        signer = Signer(str(raw["name"]), bytes.fromhex(raw["seed"]))
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Name what `release key` wrote."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise KeyMismatch(f"{path} is no key.", "Name what `release key` wrote.") from None
    if open_mode:
        raise KeyMismatch(
            f"{path} is readable by others (mode {open_mode}).",
            "Make another key, and have release.toml name it.",
        )
    return signer
