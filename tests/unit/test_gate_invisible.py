"""What shows nothing is gone before detection, and offsets lead back."""

from appliance.gate.normalisation import normalise


def test_an_invisible_character_at_the_start_is_dropped():
    """It is nobody's mark: the word after it begins where it stands in the input."""
    reading = normalise("\u200b\u200bJohn")

    assert reading.text == "John"
    assert reading.to_input(0, 4) == (2, 6)
