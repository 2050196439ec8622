"""Why a completion did not become an example; every drop is counted under one of these."""

from enum import StrEnum


class Reason(StrEnum):
    """One reason for one drop."""

    TRUNCATED = "truncated"
    LENGTH = "length"
    GARBAGE = "garbage"
    REPETITION = "repetition"
    ECHO = "prompt-echo"
    UNGROUNDED = "ungrounded"
    DOUBTFUL = "doubtful-abbreviation"
    SUSPECT = "unlabelled-suspect"
    PARROTED = "parroted-demonstration"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    MONOTONOUS = "monotonous-beginning"
