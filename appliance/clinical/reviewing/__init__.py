"""Findings that people check: what they are asked to read, and what they decided.

Comes in: findings, notes while a page is made, sealed decisions.
Goes out: `SITE/reviews/NAME` with a queue, a sealed page and decisions.
Never here: a note's text on the disk that is not sealed.
"""
