"""The demo's one-page report: tables and plots that a person would rather look at than read.

Comes in: counts, scores and invented example sentences. Goes out: one self-contained HTML file.
Never here: a note's text, an external address, a script.
"""
