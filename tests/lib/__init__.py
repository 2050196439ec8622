"""Fakes that are kept: each passes the same contract suite as the real thing."""
