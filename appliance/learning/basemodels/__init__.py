"""Base models on disk, named by what they hold.

Comes in: a directory of safetensors weights, or the packages the embedded models ship in.
Goes out: `BaseModel`: a name, a path and the digest of every byte under it.
Never here: pickled weights, code that came with a model, the hub, a half-copied model.
"""
