"""How good an adapter is, said honestly: strict entities, intervals, free baselines beside.

Comes in: gold documents and predicted spans. Goes out: scores as fractions of 1.
Never here: torch, a file written, a figure without its interval.
"""
