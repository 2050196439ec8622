"""Attacks on ourselves: what a privacy officer would try, tried on a site, read-only.

Comes in: ledger, journals, corpora, adapters, notes and a gate, as values and as readers.
Goes out: for each attack pass, fail or not tested, with intervals and with what it could not have
detected; in counts, ids, names of files and rules.
Never here: a change of what is attacked; text of a note, an identifier or a canary in a result; a
socket.
"""
