"""Cleared prompts in, completions out; the one room of this zone that opens a socket.

Comes in: `ClearedPrompt`s, whose clearance is checked again before anything is sent.
Goes out: `Completion`s, or the product's own errors without any text.
Never here: a draft that the gate has not cleared, an address that is not loopback, a proxy.
"""
