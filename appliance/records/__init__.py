"""Values that travel between rooms: frozen dataclasses and ids, no I/O, no clock, no randomness.

Comes in: nothing. Goes out: types that every other room may name.
Never here: a file, a socket, an environment variable, a heavy import.
Fields that can hold patient text have `repr=False`.
"""
