"""A hospital's exports, read as a stream: every item is a note or is refused with a reason.

Comes in: folders of text, JSONL, CSV; a registry of patients.
Goes out: `SourceNote`, `SourcePatient`, and `Rejected` with a reason from a fixed list.
Never here: a guess at an encoding, an item skipped in silence, text in a refusal.
"""
