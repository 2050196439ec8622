"""vLLM on this machine: a server of our own on loopback, and a client for it.

Comes in: a model directory, settings, cleared prompts. Goes out: completions.
Never here: an address that is not loopback, a key in an argument list, a download, a proxy.
"""
