"""All hospital recognizers by name."""

from collections.abc import Sequence

from appliance.gate.recognizers import contacts, dates, names, numbers, places
from appliance.gate.recognizers.rules import Finder, Rule, find_all


def finders(site_rules: Sequence[Rule] = ()) -> dict[str, Finder]:
    """Name of the recognizer to what it finds in a text.

    Args:
        site_rules: Formats of the site's own numbers.
    """
    return {
        "hospital-numbers": lambda text: find_all((*numbers.RULES, *site_rules), text),
        "hospital-contacts": lambda text: find_all(contacts.RULES, text),
        "hospital-dates": lambda text: find_all(dates.RULES, text),
        "hospital-places": places.find,
        "hospital-names": names.find,
    }
