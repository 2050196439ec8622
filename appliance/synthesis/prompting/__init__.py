"""Label sheet, vocabulary and seed in; endless, repeatable streams of drafts and of lines out.

Comes in: public or invented facts only.
Goes out: `Draft`s, the constant part of the prompt first, the request last; and `Line`s composed
from the sheet's frames, which no model sees.
Never here: a note, a gold file, a clock, unseeded randomness, a socket.
"""
