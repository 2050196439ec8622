"""Documents that hold one identifier only, so that nothing else gives a document away."""

from collections.abc import Iterator
from typing import Final

from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

# Words that name nobody, in the place of what a label marks.
_NEUTRAL: Final = {
    "NAME": "the patient",
    "PATIENT": "the patient",
    "PERSON": "someone",
    "DOCTOR": "the physician",
    "GEOGRAPHIC_LOCATION": "the clinic",
    "STREET_ADDRESS": "home",
    "GPE": "town",
    "DATE": "earlier",
    "DATE_TIME": "earlier",
}
_OTHERWISE: Final = "on file"


def reduce_to_one(document: GoldDocument) -> Iterator[GoldDocument]:
    """For each gold span, the document with every other gold span replaced by neutral words."""
    for number, kept in enumerate(document.spans):
        parts: list[str] = []
        start = at = 0
        for span in document.spans:
            parts.append(document.text[at : span.start])
            at = span.end
            if span == kept:
                start = sum(map(len, parts))
                parts.append(document.text[span.start : span.end])
            else:
                parts.append(_NEUTRAL.get(span.label, _OTHERWISE))
        text = "".join(parts) + document.text[at:]
        span = Span(start, start + kept.end - kept.start, kept.label)
        yield GoldDocument(f"{document.document_id}#{number}", text, (span,))
