"""Why a completion did not become an example; every drop is counted under one of these."""

from enum import StrEnum


class Reason(StrEnum):
    """One reason for one drop."""

    TRUNCATED = "truncated"
    LENGTH = "length"
    GARBAGE = "garbage"
    REPETITION = "repetition"
    ECHO = "prompt-echo"
    TALK = "assistant-talk"
    UNGROUNDED = "ungrounded"
    DOUBTFUL = "doubtful-abbreviation"
    SUSPECT = "unlabelled-suspect"
    PARROTED = "parroted-demonstration"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    MONOTONOUS = "monotonous-beginning"
    OTHERWISE = "otherwise-than-asked"
    """Of a pair: the text denies what it was to state, or denies nothing where it was to."""
    QUARANTINED = "quarantined-identifier"
    """The gate holds something in it for an identifier."""
    ILLEGIBLE = "not-legible-to-gate"
    """The gate can't tell: another language, hidden text, instructions to a reader."""
