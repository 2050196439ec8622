"""An open vault: its connection, its ids, and the word that every read has to give."""

import hmac
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from appliance.clinical.vault.sealing import VaultKeys
from appliance.errors import BadInput, KeyMismatch
from appliance.records.events import Recorder
from appliance.records.identifiers import NoteId, PatientId
from appliance.settings.keys import pseudonym

_IDS_PER_QUERY: Final = 500
_REASON: Final = re.compile(r"[a-z](?:-?[a-z]){1,39}")

PSEUDONYM_CHECK: Final = "SELECT value FROM facts WHERE name = 'pseudonym-check'"


class OpenVault:
    """What the parts of the vault share."""

    def __init__(
        self, connection: Any, keys: VaultKeys, pseudonym_key: bytes, recorder: Recorder
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._pseudonym_key = pseudonym_key
        self._recorder = recorder

    def close(self) -> None:
        """The file is closed; the vault is of no further use."""
        self._connection.close()

    def note_id_of(self, source_id: str) -> NoteId:
        """The site's own id of a note of the exporting system."""
        return note_id(self._pseudonym_key, source_id)

    def patient_id_of(self, source_id: str) -> PatientId:
        """The site's own id of a patient of the exporting system."""
        return patient_id(self._pseudonym_key, source_id)

    def _rows(self, column: str, tables: str, values: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        # As one value: to bind five hundred takes six times as long as to find their rows.
        found = f"(SELECT * FROM {tables}) AS found ON found.{column} = asked.value"  # noqa: S608 - fixed
        query = f"SELECT found.* FROM json_each(?) AS asked CROSS JOIN {found}"  # noqa: S608 - fixed
        for start in range(0, len(values), _IDS_PER_QUERY):
            part = json.dumps(values[start : start + _IDS_PER_QUERY])
            yield from self._connection.execute(query, (part,))

    def _record_read(self, kind: str, count: int, reason: str) -> None:
        check_reason(reason)
        self._recorder.record(kind, {"count": count, "reason": reason})


def pseudonym_check(key: bytes) -> bytes:
    """The fact that says with which key for ids a vault was made."""
    return pseudonym(key, "check", "vault").encode()


def check_pseudonym_key(key: bytes, fact: bytes) -> None:
    """The vault's ids are made with this key.

    Raises:
        KeyMismatch: With another one.
    """
    if not hmac.compare_digest(fact, pseudonym_check(key)):
        raise KeyMismatch(
            "The vault's ids were made with another pseudonym key.",
            "Restore the vault and the keys from one and the same backup.",
        )


def check_reason(reason: str) -> None:
    """It can stand in the ledger, and holds no prose.

    Raises:
        BadInput: It is none.
    """
    if not _REASON.fullmatch(reason):
        raise BadInput(
            "A reason is two to forty of the letters a-z, with single dashes.",
            "Give one such as `--reason chart-review`.",
        )


def note_id(key: bytes, source_id: str) -> NoteId:
    """The site's own id of a note of the exporting system, where no vault is open; as the next."""
    return NoteId("n-" + pseudonym(key, "note", source_id))


def patient_id(key: bytes, source_id: str) -> PatientId:
    """The site's own id of a patient of the exporting system, where no vault is open.

    Args:
        key: The site's key for ids.
        source_id: In the exporting system.
    """
    return PatientId("p-" + pseudonym(key, "patient", source_id))
