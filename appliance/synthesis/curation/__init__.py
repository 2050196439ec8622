"""Completions in; labelled, deduplicated, split examples and a corpus on disk out.

Comes in: drafts with their completions, the label sheet's vocabulary.
Goes out: examples whose spans are right by construction, counts of what was dropped and why.
Never here: a socket, a note, a silent drop.
"""
