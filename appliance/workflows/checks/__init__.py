"""The doctor's checks, one function each: look, never touch.

Comes in: a machine (its /proc, /dev/shm, variables) and, where there is one, a site.
Goes out: outcomes with evidence in counts, names and versions, and the next step.
Never here: a change to anything, the network, a heavy import at the top, a secret in evidence.
"""
