"""All hospital recognizers by name."""

from collections.abc import Sequence

from appliance.gate.recognizers import contacts, dates, names, numbers, places
from appliance.gate.recognizers.rules import Finder, Rule, RuleSet


def finders(site_rules: Sequence[Rule] = ()) -> dict[str, Finder]:
    """Name of the recognizer to what it finds in a text.

    Args:
        site_rules: Formats of the site's own numbers.
    """
    return {
        "hospital-numbers": RuleSet((*numbers.RULES, *site_rules)).find,
        "hospital-contacts": RuleSet(contacts.RULES).find,
        "hospital-dates": RuleSet(dates.RULES).find,
        "hospital-places": places.find,
        "hospital-names": names.find,
    }
