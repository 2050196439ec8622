"""How findings are meant: section, and negated, historical, family, hypothetical, uncertain.

Comes in: a text, spans in it, the site's rules.
Goes out: for each span its section and the words, by offset, that say how it is meant.
Never here: a model, a network, a word of a note in a result.
"""
