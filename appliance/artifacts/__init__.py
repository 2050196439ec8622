"""Files that are whole or not there: atomic writes, manifests written last, writes gathered.

Comes in: bytes and directories of corpora, adapters, findings, models.
Goes out: the same on disk, with a manifest of sizes and digests; verification of both.
Never here: a half-written file taken for a whole one; text in an error.
"""
