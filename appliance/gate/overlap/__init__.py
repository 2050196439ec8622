"""Runs of words that a text shares with a note of the vault: found by fingerprint, never by text.

Comes in: notes at import, as an argument; then texts. Goes out: a file of keyed hashes; hits.
"""
