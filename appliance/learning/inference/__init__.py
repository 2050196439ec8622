"""An adapter reads texts.

Comes in: an adapter's directory, its base model's directory, texts as arguments.
Goes out: scored spans in code points of each text, however long it is.
Never here: truncation, a stored text, Ray.
"""
