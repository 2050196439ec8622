"""Between code points and model tokens, for tuning and inference alike.

Comes in: texts and spans in code points. Goes out: token ids, windows, batches, BIO labels, and
spans in code points again.
Never here: a model, a file, truncation.
"""
