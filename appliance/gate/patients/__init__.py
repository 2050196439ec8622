"""The site's own patients as keyed hashes: found in a text as people write them, never revealed.

Comes in: the registry's identifiers, once; then texts. Goes out: a sorted file of hashes; hits.
A name is kept as hashes of pairs, so that one letter may differ; a day, a number and an address
as the hash of one canonical form.
"""
