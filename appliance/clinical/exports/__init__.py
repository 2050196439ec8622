"""Findings in the formats of other tools, inside the site.

Comes in: notes with their findings, one at a time.
Goes out: files in a folder of the site, and what was left out and why, in counts.
Never here: a file outside the site, a note's words unless they were asked for by name.
"""
