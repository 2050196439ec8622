"""What travels with a corpus or an adapter: where it came from, in counts and digests."""

from dataclasses import dataclass, field
from enum import StrEnum

from appliance.records.identifiers import Digest


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """A corpus's datasheet.

    Attributes:
        name: Directory name under `SITE/corpora/`.
        task: Label sheet's name.
        sheet_digest: Digest of sheet and vocabulary.
        policy_digest: Digest of the policy the gate ruled under.
        vocabulary_source: Source and licence of the vocabulary.
        models: Model name to count of examples it wrote.
        routes: Route to count of completions asked of it.
        drafts: Drafts built.
        denied: Drafts the gate refused.
        completions: Answers received.
        accepted: Answers that became examples.
        varied: Copies of these with other names in them.
        composed: Texts made from the sheet's frames, without a model.
        dropped: Reason to count, for every completion not kept.
        splits: Split name to count, of all examples whatever their origin.
        entities: Label to count of spans, of all examples.
        without_entity: Examples that hold no entity, of all.
        made_at: ISO 8601, UTC.
        parent: Of a corpus made from another by people: that one's name, "@" and its digest.
        revision: What was done to it: examples "kept" as they were, "relabelled", "left_out", or
            "weighed".
        relations: Label to count of pairs, of all examples; empty for a task about entities.
        mix: Shares of kinds of drafts that were asked for in place of the label sheet's.
        asked: Kind of draft to the share of accepted answers that it was to have; empty for a task
            about pairs, whose relations have a mix each.
        kinds: Kind of draft to the accepted answers that it has.
        weighed_by: Of a corpus that an adapter weighed: that one's name, "@" and its digest.
        seed: Of the stream of drafts.
        prompts: SHA-256 over the ids of the drafts that were judged, in order; an id is the digest
            of its prompt and of what it asked for. Sheet, vocabulary, mix and seed give them again.
        sampling: How the models drew: "temperature", "max_tokens".
        tokens: Of all answers: "prompt" and "completion".
        cost_microusd: What a provider charged for these, in millionths of a dollar.
        gaps: What the corpus is known to lack, in words, by what it is about.
        joined: Of a corpus that joins others, e.g. rounds: name to digest of each, oldest first;
            seed, prompts and mix stand on the cards of these.
    """

    name: str
    task: str
    sheet_digest: Digest
    policy_digest: Digest
    vocabulary_source: str
    models: dict[str, int]
    routes: dict[str, int]
    drafts: int
    denied: int
    completions: int
    accepted: int
    varied: int
    composed: int
    dropped: dict[str, int]
    splits: dict[str, int]
    entities: dict[str, int]
    without_entity: int
    made_at: str
    parent: str = ""
    revision: dict[str, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    mix: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    weighed_by: str = ""
    seed: int = 0
    prompts: str = ""
    sampling: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    cost_microusd: int = 0
    gaps: dict[str, str] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)


class HeadKind(StrEnum):
    """What an adapter's head decides."""

    ENTITIES = "entities"
    """A label for every token."""
    RELATIONS = "relations"
    """One label for a text with a marked pair."""


@dataclass(frozen=True, slots=True)
class PairTypes:
    """A relation type as a classifier knows it: its label, and what may stand at either end."""

    label: str
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """An adapter's datasheet.

    Attributes:
        name: Directory name under `SITE/adapters/`.
        task: Label sheet's name.
        labels: In the head's order. Of entities: "O", then "B-X", "I-X" per type. Of relations:
            `UNRELATED`, then the relation types.
        corpus: Name of the corpus it was trained on.
        corpus_digest: Digest of the corpus's manifest.
        base: Name of the base model.
        base_digest: Digest of the base model's manifest.
        lora_rank: Rank r.
        lora_alpha: Scale.
        learning_rate: Peak.
        epochs: Passes over the corpus, at most: with patience it may have ended before.
        seed: Of initialisation and order.
        max_tokens: Window length in tokens.
        examples: Training examples seen per epoch.
        final_loss: Mean training loss of the last epoch; 0 under differential privacy, which the
            loss would break.
        dev_f1: On the corpus's own dev split, 0 to 1: strict entity F1, or macro-F1 of relations.
        made_at: ISO 8601, UTC.
        kind: What the head decides.
        pairs: Relation types in the order of `labels`; empty where it labels entities.
        markers: What stands in the place of a pair's "head" and "tail", with {type} for the
            entity type in small letters; empty where it labels entities.
        site_only: True when derived from real notes: never leaves the site.
        epsilon: Of (epsilon, delta) differential privacy towards the training rows; None where it
            was trained without.
        delta: Of it.
        switches: Choices of training that are not the usual ones, by name.
    """

    name: str
    task: str
    labels: tuple[str, ...]
    corpus: str
    corpus_digest: Digest
    base: str
    base_digest: Digest
    lora_rank: int
    lora_alpha: int
    learning_rate: float
    epochs: int
    seed: int
    max_tokens: int
    examples: int
    final_loss: float
    dev_f1: float
    made_at: str
    kind: HeadKind = HeadKind.ENTITIES
    pairs: tuple[PairTypes, ...] = ()
    markers: dict[str, str] = field(default_factory=dict)
    site_only: bool = False
    epsilon: float | None = None
    delta: float | None = None
    switches: dict[str, str] = field(default_factory=dict)
