"""What was extracted of each patient, as facts that somebody who knows a patient could look for."""

from collections import defaultdict

from appliance.artifacts.manifest import list_finished
from appliance.audits.texts import Facts
from appliance.clinical.extraction.reading import open_findings
from appliance.errors import ApplianceError
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site


def read_extracted(site: Site) -> tuple[dict[str, Facts], tuple[str, ...]]:
    """The concepts of each patient in each of the site's findings, and what could not be read.

    What a note denies, fears or says of the family is no fact of the patient's. Findings without
    concepts are places in notes, and tell nothing alone.
    """
    found: dict[str, Facts] = {}
    unread: list[str] = []
    finished = list_finished(site.paths.findings)
    if not finished:
        return found, ()
    with opened_vault(site) as vault:
        owners = vault.owners()
    for directory in finished:
        by_patient: defaultdict[str, set[str]] = defaultdict(set)
        try:
            for note_id, findings in open_findings(directory)[1]:
                by_patient[owners.get(note_id) or note_id] |= {
                    one.link.concept
                    for one in findings
                    if one.link.concept and one.is_about_patient
                }
        except ApplianceError as error:
            unread.append(error.what)
            continue
        found[directory.name] = [frozenset(facts) for facts in by_patient.values() if facts]
    return found, tuple(unread)
