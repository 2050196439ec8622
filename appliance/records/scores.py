"""How well predicted spans agree with gold ones."""

from dataclasses import dataclass

from appliance.records.breakdown import Breakdown, Figure, Score
from appliance.records.reviews import ReviewedScore


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two adapters on the same gold, document by document.

    Attributes:
        against: Name of the other adapter.
        other: The other's strict score.
        difference: This one's F1 less the other's, -1 to 1.
        p_value: Of a difference as large or larger, either way, were the two alike.
        permutations: Drawn for it.
    """

    against: str
    other: Score
    difference: Figure
    p_value: float
    permutations: int


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One evaluation: the adapter beside the free baselines on the same gold.

    Attributes:
        adapter: Name of the adapter.
        gold: Name of the gold file (its last path component) or "invented-hospital".
        documents: Count of gold documents or sentences.
        overall: The adapter, all labels.
        per_label: The adapter, label by label.
        baselines: Name of the baseline ("dictionary") and its score.
        breakdown: Where the adapter is right and wrong.
        comparison: Beside another adapter on the same gold, where one was named.
        reviewed: Over all notes that were drawn from, where the gold is of a review.
        vouched: Whether a vocabulary looks made from the gold, and somebody said that it is not.
    """

    adapter: str
    gold: str
    documents: int
    overall: Score
    per_label: dict[str, Score]
    baselines: dict[str, Score]
    breakdown: Breakdown | None = None
    comparison: Comparison | None = None
    reviewed: ReviewedScore | None = None
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class RelationScore:
    """How well labels of pairs agree with gold.

    Attributes:
        macro_f1: Mean of the F1 of every label, `UNRELATED` among them, 0 to 1.
        mcc: Matthews correlation coefficient over all labels, -1 to 1; 0 for one constant answer.
        positive_f1: F1 over all labels but `UNRELATED`, micro-averaged, 0 to 1.
        precision: Of these, 0 to 1.
        recall: Of these, 0 to 1.
        pairs: Count of pairs.
        positive: Pairs that gold relates.
        predicted: Pairs that the labels relate.
    """

    macro_f1: Figure
    mcc: Figure
    positive_f1: Figure
    precision: float
    recall: float
    pairs: int
    positive: int
    predicted: int


@dataclass(frozen=True, slots=True)
class RelationComparison:
    """Two adapters of relations on the same gold, document by document.

    Attributes:
        against: Name of the other adapter.
        other: The other's score.
        difference: This one's macro-F1 less the other's, -1 to 1.
        p_value: Of a difference as large or larger, either way, were the two alike.
        permutations: Drawn for it.
    """

    against: str
    other: RelationScore
    difference: Figure
    p_value: float
    permutations: int


@dataclass(frozen=True, slots=True)
class RelationScoreCard:
    """One evaluation of a relation adapter: beside the free answer on the same gold.

    Attributes:
        adapter: Name of the adapter.
        gold: Name of the gold file (its last path component).
        documents: Count of gold texts.
        overall: The adapter.
        baselines: Name of the baseline ("always yes") and its score.
        comparison: Beside another adapter on the same gold, where one was named.
    """

    adapter: str
    gold: str
    documents: int
    overall: RelationScore
    baselines: dict[str, RelationScore]
    comparison: RelationComparison | None = None


@dataclass(frozen=True, slots=True)
class DirectArm:
    """What a language model did that was asked directly.

    Attributes:
        model: Name and digest.
        questions: Asked, or to be asked.
        denied: Of these, kept here by the gate; each counts as an empty answer.
        refused: Of these, not taken by the engine; each counts as an empty answer.
    """

    model: str
    questions: int
    denied: int
    refused: int


@dataclass(frozen=True, slots=True)
class PaperEntities:
    """The row of entities: strict F1 on the same texts.

    Attributes:
        gold: Name of the gold file.
        documents: Texts that were scored.
        of: Texts in the file.
        direct: The language model, asked directly.
        asked: What that took.
        adapter: Name of the adapter trained on invented text.
        trained: The adapter.
        dictionary: The free baseline.
    """

    gold: str
    documents: int
    of: int
    direct: Score
    asked: DirectArm
    adapter: str
    trained: Score
    dictionary: Score


@dataclass(frozen=True, slots=True)
class PaperRelations:
    """The row of relations, on the same pairs.

    Attributes:
        gold: Name of the gold file.
        documents: Texts that were scored.
        of: Texts in the file.
        direct: The language model, asked directly.
        asked: What that took.
        adapter: Name of the adapter trained on invented text.
        trained: The adapter.
        always_yes: The free baseline.
    """

    gold: str
    documents: int
    of: int
    direct: RelationScore
    asked: DirectArm
    adapter: str
    trained: RelationScore
    always_yes: RelationScore


@dataclass(frozen=True, slots=True)
class PaperTable:
    """The paper's table with our models; a row is None where no gold was named for it.

    Attributes:
        entities: Named entity recognition.
        relations: Relation extraction.
        shots: Answered questions that the language model was shown before each.
        seed: Of the sample of texts, where not all were scored, and of these.
        published: What the paper reports, in per cent: task to direct and trained.
    """

    entities: PaperEntities | None
    relations: PaperRelations | None
    shots: int
    seed: int
    published: dict[str, tuple[float, float]]
