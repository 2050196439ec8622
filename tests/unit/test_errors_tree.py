"""Errors carry what happened and what to do, and nothing else."""

import pytest

from appliance import errors
from appliance.errors import ApplianceError

TREE = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, ApplianceError)
]
# What the process's exit code means is a contract with whoever runs it.
CODES = {1, 2, 5, 6, 7, 8, 9, 10}


@pytest.mark.parametrize("kind", TREE)
def test_an_error_reads_as_what_and_what_next(kind):
    error = kind("The key is gone.", "Restore it.")

    assert str(error) == "The key is gone. Restore it."
    assert str(kind("The key is gone.")) == "The key is gone."
    assert (error.what, error.next_step) == ("The key is gone.", "Restore it.")


@pytest.mark.parametrize("kind", TREE)
def test_an_error_has_a_documented_exit_code(kind):
    assert kind.exit_code in CODES
    assert kind.__doc__


def test_no_exit_code_is_taken_by_the_doctors_own():
    """3 and 4 say that a check failed or warns, 130 that somebody pressed Ctrl-C."""
    own = {errors.EXIT_CHECK_FAILED, errors.EXIT_CHECK_WARNS, errors.EXIT_INTERRUPTED}

    assert own.isdisjoint({kind.exit_code for kind in TREE})
    assert errors.EXIT_OK == 0
