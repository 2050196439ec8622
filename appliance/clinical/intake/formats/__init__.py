"""One module per format; each turns a file's bytes into notes, one at a time, or refuses them.

Comes in: an open file and where it stands; what the operator said about encoding and columns.
Goes out: entries: a number inside the file, and a `SourceNote` or a `Refusal`.
Never here: a file opened by a name that stands in a file, an entity expanded, an archive unpacked,
an encoding guessed.
"""
