"""An invented hospital: patients, registry, notes and gold that never belonged to anybody.

Comes in: a seed and a count. Goes out: `InventedHospital`, the same for the same seed, with every
disease mention and every identifier known by construction.
Never here: a file of a hospital, a model, a clock, a socket. Word material lies in `data/`.
"""
