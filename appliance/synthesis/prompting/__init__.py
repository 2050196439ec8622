"""Label sheet, vocabulary and seed in; an endless, repeatable stream of drafts out.

Comes in: public or invented facts only.
Goes out: `Draft`s, the constant part of the prompt first, the request last.
Never here: a note, a gold file, a clock, unseeded randomness, a socket.
"""
