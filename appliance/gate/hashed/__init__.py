"""Keyed hashes of what must be found and not be read: how they are made and how they are kept.

Comes in: words and the site's key. Goes out: 64-bit hashes, and files of them mapped into memory.
"""
