"""spaCy's DocBin, for `spacy train`: docs with entities; the rest is in each doc's user data."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from appliance.records.examples import Example
from appliance.records.spans import Span
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    provenance,
    rebuild,
    relation_of,
    relations_of,
)
from appliance.synthesis.curation.formats.tokens import cut

_OURS: Final = "appliance"


def encode(examples: Sequence[Example]) -> bytes:
    """The file's bytes."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    vocabulary = Vocab()
    docs = [_doc(example, vocabulary) for example in examples]
    box = DocBin(attrs=["ENT_IOB", "ENT_TYPE", "SPACY"], store_user_data=True, docs=docs)
    return bytes(box.to_bytes())


def decode(content: bytes) -> Iterator[Example]:
    """The examples again.

    Raises:
        Unreadable: Names the doc by number.
    """
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs = list(DocBin().from_bytes(content).get_docs(Vocab()))
    except Exception:  # noqa: BLE001 - zlib, msgpack and spaCy each raise their own
        raise Unreadable("it is no DocBin") from None
    for number, doc in enumerate(docs, start=1):
        spans = [Span(entity.start_char, entity.end_char, entity.label_) for entity in doc.ents]
        try:
            fields = doc.user_data[_OURS]
            relations = [relation_of(one) for one in fields["relations"]]
            yield rebuild(fields, doc.text, spans, relations)
        except (KeyError, TypeError):
            raise Unreadable(f"doc {number}: nothing says where it came from") from None
        except Unreadable as error:
            raise Unreadable(f"doc {number}: {error}") from None


def _doc(example: Example, vocabulary: Any) -> Any:
    from spacy.tokens import Doc
    from spacy.tokens import Span as DocSpan

    words, spaces, starts = _words(example)
    doc = Doc(vocabulary, words=words, spaces=spaces)
    first = {start: index for index, start in enumerate(starts)}
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    last = {end: index for index, end in enumerate(ends)}
    doc.ents = [
        DocSpan(doc, first[span.start], last[span.end] + 1, label=span.label)
        for span in example.spans
    ]
    doc.user_data[_OURS] = {**provenance(example), "relations": relations_of(example)}
    return doc


def _words(example: Example) -> tuple[list[str], list[bool], list[int]]:
    """Words, whether one space follows each, and where they begin.

    White space beyond that one space is a word of its own, as spaCy has it.
    """
    text = example.text
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[int] = []
    position = 0
    for start, end in [*cut(text, example.spans), (len(text), len(text))]:
        if words and text[position:start].startswith(" "):
            spaces[-1] = True
            position += 1
        for begin, stop in ((position, start), (start, end)):
            if begin < stop:
                words.append(text[begin:stop])
                spaces.append(False)
                starts.append(begin)
        position = end
    return words, spaces, starts
