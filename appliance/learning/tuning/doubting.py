"""Adapters trained on the way to one, to find out which labels of a corpus to believe.

Two switches. Cross-fitting leaves out words whose label is wrong in the eyes of an adapter that
never saw it. An ensemble labels the whole corpus anew, and one adapter learns what it says.

Sources: confident learning, Northcutt et al. 2021 (arXiv:1911.00068); distillation of an ensemble,
Hinton et al. 2015 (arXiv:1503.02531), here by its labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.tokens.bio import bio_labels, tag_words
from appliance.learning.tokens.encoding import Encoder, split_words
from appliance.learning.tuning.checkpoints import Checkpoint
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.loop import train
from appliance.learning.tuning.losses import word_loss
from appliance.learning.tuning.own import Teacher, label_together
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Doubt, make_rows
from appliance.learning.tuning.worker import InProcessWorker

# Of a word's labels the ensemble's first must have at least half: else nobody knows.
_MAJORITY: Final = 0.5
# Who holds more of a label's words for wrong than this does not know the label.
_UNKNOWN: Final = 0.5

Learner = Callable[[Sequence[LabelledText], int], Teacher]
"""Trains an adapter on the examples, with the seed."""


def check_doubting(recipe: Recipe, workers: int, *, relations: bool) -> None:
    """The recipe's switches can be had together.

    Raises:
        BadInput: Cross-fitting or an ensemble beside what they don't go with.
    """
    if not recipe.doubts_labels:
        return
    if workers != 1 or recipe.is_private or relations:
        raise BadInput(
            "Cross-fitting and ensembles are for entities, one worker and no differential privacy.",
            "Set learning.cross_fit = 0 and learning.ensemble = 0 in site.toml.",
        )


def make_learner(
    new_model: Callable[[], Any],
    score: Callable[[Any], float],
    encoder: Encoder,
    types: tuple[str, ...],
    recipe: Recipe,
    doubtful: Doubt | None,
) -> Learner:
    """What trains one more adapter by the recipe, but for its seed.

    Args:
        new_model: A fresh model with LoRA; drawn from torch's generator.
        score: F1 on dev of the model given, 0 to 1.
        encoder: Of the base model.
        types: Entity types of the task.
        recipe: Choices.
        doubtful: Names that may have been missed.
    """
    limits = Limits(
        recipe.max_tokens, recipe.max_tokens // 4, 4 * recipe.batch_tokens, recipe.dtype
    )

    def learn(examples: Sequence[LabelledText], seed: int) -> Teacher:
        import torch

        rows = make_rows(examples, encoder, types, recipe.max_tokens, doubtful)
        if not rows:
            raise BadInput(
                "A part of the corpus teaches nothing.",
                "Make a larger corpus, or set learning.cross_fit = 0 in site.toml.",
            )
        torch.manual_seed(seed)
        model = new_model()
        train(
            model,
            rows,
            encoder,
            replace(recipe, seed=seed),
            InProcessWorker(),
            word_loss,
            score,
            lambda _: None,
            Checkpoint(None, ""),
        )
        return AdapterLabeller(model.eval(), encoder, bio_labels(types), limits)

    return learn


def doubt_labels(
    examples: Sequence[LabelledText], types: tuple[str, ...], recipe: Recipe, learn: Learner
) -> list[LabelledText]:
    """The examples as they are to be learned, by the recipe's switches.

    Raises:
        BadInput: There are fewer examples than parts.
    """
    believed = list(examples)
    if recipe.cross_fit:
        believed = leave_out_errors(believed, types, learn, recipe.cross_fit, recipe.seed)
    if recipe.ensemble:
        seeds = range(recipe.seed + 1, recipe.seed + 1 + recipe.ensemble)
        believed = relabel(believed, types, [learn(believed, seed) for seed in seeds])
    return believed


def leave_out_errors(
    examples: Sequence[LabelledText],
    types: tuple[str, ...],
    learn: Learner,
    parts: int,
    seed: int,
) -> list[LabelledText]:
    """The examples; a word teaches nothing where who never saw its label holds it for wrong.

    Args:
        examples: Of the train split.
        types: Entity types of the task.
        learn: Trains on all parts but one.
        parts: Into which the examples are dealt, 2 or more.
        seed: Of dealing and training.

    Raises:
        BadInput: There are fewer examples than parts.
    """
    if len(examples) < parts:
        raise BadInput(
            f"{len(examples)} example(s) can't be dealt into {parts} parts.",
            "Make a larger corpus, or set learning.cross_fit = 0 in site.toml.",
        )
    part_of = np.random.default_rng([seed, parts]).permutation(len(examples)) % parts
    weights: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(examples)
    for part in range(parts):
        judge = learn([one for one, at in zip(examples, part_of, strict=True) if at != part], seed)
        asked = np.flatnonzero(part_of == part)
        opinions = judge.weigh([examples[number].text for number in asked])
        for number, opinion in zip(asked, opinions, strict=True):
            weights[number] = opinion
    words = [split_words(one.text) for one in examples]
    tags = [tag_words(at, one.spans, types) for at, one in zip(words, examples, strict=True)]
    wrong = find_errors(weights, tags)
    return [
        _without(example, at[errors])
        for example, at, errors in zip(examples, words, wrong, strict=True)
    ]


def find_errors(
    weights: Sequence[NDArray[np.float32]], tags: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.bool_]]:
    """Which words have another label than the one that is surely theirs.

    A label is surely a word's where it is at least as likely as it is on average among the words
    that are given it, and likelier than any other of which that can be said, and than the one that
    is given: of rare labels the average alone says little. Of a label whose words are mostly held
    for wrong none is: then it is not known, as by an adapter of few examples that has never seen
    its names, and those who learned of it would learn that it is nowhere.

    Args:
        weights: Of every text (words, labels), by who never saw its labels.
        tags: Of every text (words,), the labels given.

    Returns:
        Of every text (words,).
    """
    likely, given = np.concatenate(weights), np.concatenate(tags)
    usual = np.array(
        [
            likely[given == label, label].mean() if (given == label).any() else np.inf
            for label in range(likely.shape[1])
        ]
    )

    sure = np.where(likely >= usual, likely, 0.0)
    own = likely[np.arange(len(given)), given]
    wrong: NDArray[np.bool_] = (sure.argmax(axis=1) != given) & (sure.max(axis=1) > own)
    for label in np.unique(given):
        if wrong[given == label].mean() > _UNKNOWN:
            wrong[given == label] = False
    return np.split(wrong, np.cumsum([len(of_text) for of_text in tags])[:-1])


def _without(example: LabelledText, words: NDArray[np.int32]) -> LabelledText:
    left_out = {*example.unsure, *((int(start), int(end)) for start, end in words)}
    return replace(example, unsure=tuple(sorted(left_out)))


def relabel(
    examples: Sequence[LabelledText], types: tuple[str, ...], teachers: Sequence[Teacher]
) -> list[LabelledText]:
    """The examples as all teachers together label them; what has no majority teaches nothing.

    Args:
        examples: Any; their weights stay, their labels go.
        types: Entity types of the task.
        teachers: At least one.
    """
    found = label_together([one.text for one in examples], teachers, types, _MAJORITY)
    return [
        replace(one, weight=example.weight)
        for example, one in zip(examples, found, strict=True)
        if one is not None
    ]
