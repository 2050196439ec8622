"""Ids are types of their own, so that one kind can't be passed for another."""

from typing import NewType

NoteId = NewType("NoteId", str)
"""Keyed hash of the source system's id ("n-" and 24 hex digits): safe in logs and the ledger."""

PatientId = NewType("PatientId", str)
"""Keyed hash of the source system's patient id ("p-" and 24 hex digits)."""

DraftId = NewType("DraftId", str)
"""Digest of a draft ("d-" and 24 hex digits): the same draft, the same id."""

ExampleId = NewType("ExampleId", str)
"""Digest of an example's text and spans ("x-" and 24 hex digits)."""

Digest = NewType("Digest", str)
"""SHA-256 as 64 lower-case hex digits."""
