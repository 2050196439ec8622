"""Hospital identifiers by rule: the 18 kinds of 45 CFR 164.514(b)(2), as people write them.

Comes in: normalised text. Goes out: hits. Presidio runs these beside its own (see `presidio`).
Never here: a search that can take forever and be skipped in silence.
"""
