"""An adapter over the vault's notes: findings by offset, none lost, none skipped in silence.

Comes in: note ids, a way to open the vault and an adapter inside a worker.
Goes out: `SITE/findings/NAME` with parts, quarantine, card and, last, its manifest.
Never here: a note's text in a finding, a worker's argument, a file or a failure.
"""
