"""Invented text: prompts from public or invented facts, answers of a model, labelled corpora.

Comes in: label sheets, vocabularies, prompts that the gate cleared.
Goes out: drafts, completions, curated corpora with their cards.
Never here: a note, the vault, anything of the clinical zone; text in an error or a log.
"""
