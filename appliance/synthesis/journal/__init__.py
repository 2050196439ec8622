"""What was asked and what was answered, on disk before anything else happens with it.

Comes in: keys (digests of prompt, model, parameters, template), intents, completions.
Goes out: the same after a crash; so that a second run sends only what is missing.
Never here: a prompt's text, patient text, a socket.
"""
