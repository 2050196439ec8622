"""How far an adapter believes the labels that curation gave: the weight of an example."""

from collections.abc import Sequence

import numpy as np

from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import tag_words
from appliance.learning.tokens.encoding import split_words
from appliance.records.examples import Example


def believe(
    examples: Sequence[Example], reader: AdapterLabeller, types: tuple[str, ...]
) -> list[float]:
    """Of each example the mean probability of the given label, 0 to 1, over the words marked.

    Marked are words of an entity by the example or by the adapter; where neither marks one, 1.

    Args:
        examples: What curation labelled.
        reader: An adapter that did not learn from them.
        types: Entity types of both.
    """
    trust = []
    opinions = reader.weigh([one.text for one in examples])
    for example, likely in zip(examples, opinions, strict=True):
        given = tag_words(split_words(example.text), example.spans, types)
        marked = (given != 0) | (likely.argmax(axis=1) != 0)
        believed = likely[np.arange(len(given)), given][marked]
        trust.append(float(believed.mean()) if len(believed) else 1.0)
    return trust
