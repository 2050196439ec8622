"""Adapters: base models by digest, tuning, inference and evaluation; all of torch lives here.

Comes in: directories of weights, corpora as Parquet, texts as arguments.
Goes out: a model store, adapters with cards, scored spans, score cards.
Never here: a download, pickled weights, a note's text on disk or in an error, an import of
synthesis or of the clinical zone.
"""
