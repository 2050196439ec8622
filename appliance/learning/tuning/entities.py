"""The objective of entities: a label for every word, strict F1 on dev."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.evaluation.score import count_matches, f1_score
from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.data import LabelledText, read_split
from appliance.learning.tuning.doubting import doubt_labels, make_learner
from appliance.learning.tuning.losses import word_loss
from appliance.learning.tuning.objective import Objective
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Doubt, make_rows
from appliance.records.cards import HeadKind
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from appliance.records.tasks import Vocabulary


def entity_objective(
    corpus: Path,
    types: tuple[str, ...],
    encoder: Encoder,
    recipe: Recipe,
    vocabulary: Vocabulary | None = None,
    more: Sequence[LabelledText] = (),
    new_model: Callable[[], Any] | None = None,
    left_out: Collection[int] = (),
) -> Objective:
    """To find the spans of a corpus.

    Args:
        corpus: Its directory.
        types: Entity types of the task.
        encoder: Of the base model.
        recipe: Choices.
        vocabulary: Of the task; for `recipe.vocabulary_weight`.
        more: Texts to learn from besides.
        new_model: A fresh model with LoRA; for `recipe.cross_fit` and `recipe.ensemble`.
        left_out: Numbers of train rows of the corpus that nothing is learned from.

    Raises:
        BadInput: See `read_split`, `doubt_labels`.
    """
    doubtful = None
    if vocabulary is not None and recipe.vocabulary_weight < 1:
        doubtful = Doubt(_finder(vocabulary), recipe.vocabulary_weight)
    lessons = read_split(corpus / "train.parquet", types)
    learned = [one for number, one in enumerate(lessons) if number not in left_out]
    dev = read_split(corpus / "dev.parquet", types)
    labels = bio_labels(types)
    score = _scorer(dev, encoder, labels, recipe)
    if new_model is not None and recipe.doubts_labels:
        learner = make_learner(new_model, score, encoder, types, recipe, doubtful)
        learned = doubt_labels(learned, types, recipe, learner)
    examples = [*learned, *more]
    return Objective(
        kind=HeadKind.ENTITIES,
        labels=labels,
        rows=make_rows(examples, encoder, types, recipe.max_tokens, doubtful),
        examples=len(examples),
        loss=word_loss,
        score=score,
    )


def _finder(vocabulary: Vocabulary) -> Callable[[str], list[Span]]:
    dictionary = DictionaryLabeller(vocabulary)
    return lambda text: [scored.span for scored in dictionary.label([text])[0]]


def _scorer(
    dev: Sequence[LabelledText], encoder: Encoder, labels: tuple[str, ...], recipe: Recipe
) -> Callable[[Any], float]:
    gold = [GoldDocument(str(number), item.text, item.spans) for number, item in enumerate(dev)]
    texts = [item.text for item in dev]
    # Scored in the precision it was trained in, in windows as long as it was trained on.
    limits = Limits(
        recipe.max_tokens, recipe.max_tokens // 4, 4 * recipe.batch_tokens, recipe.dtype
    )

    def score(model: Any) -> float:
        if not gold:
            return 0.0
        model.eval()
        found = AdapterLabeller(model, encoder, labels, limits).label(texts)
        spans = [[scored.span for scored in document] for document in found]
        return float(f1_score(count_matches(gold, spans).sum(axis=0)))

    return score
