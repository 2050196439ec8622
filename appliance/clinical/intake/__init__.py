"""A hospital's exports, read as a stream: every item is a note or is refused with a reason.

Comes in: files of `formats/` and folders of them; a registry of patients.
Goes out: `SourceNote`, `SourcePatient`, and `Rejected` with a reason from a fixed list.
Never here: a guess at an encoding, an item skipped in silence, text in a refusal.
"""
