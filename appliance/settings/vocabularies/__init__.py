"""Public terminologies become the vocabulary of a label sheet.

Comes in: files as their makers publish them, fetched by the operator. Goes out: names, synonyms and
abbreviations that can stand in a sentence. Nothing is downloaded.
"""
