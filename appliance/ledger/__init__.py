"""What happened: an append-only, durable, signed record that can prove it was not altered.

Comes in: an event's kind and its facts, which are ids, counts, digests and rule names.
Goes out: the entry's index once it is on disk; heads signed in the C2SP checkpoint format; RFC
6962 proofs; a list of faults when entries, tree and heads do not agree.
Never here: the text of a note, a prompt or a completion; a bare hash of an identifier; an entry
changed or removed once it was acknowledged.
"""
