"""Other readings of a text: what is wrapped, encoded, spaced out or spelled, read as it is meant.

Comes in: the plain reading of a text. Goes out: more readings of it, offsets back to the input.
A wrapping that can't be opened becomes U+0000, which `legibility` denies as binary.
"""
