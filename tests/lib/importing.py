"""One file of an export, taken in as an operator would."""

from appliance.errors import BadInput
from appliance.records.progress import Silent
from appliance.workflows.ingest import ImportReport, import_notes
from appliance.workflows.site import Site


def import_file(site: Site, name: str, content: bytes) -> ImportReport | None:
    """What became of a file of that name; None where it holds no note at all."""
    path = site.paths.root.with_name(name)
    path.write_bytes(content)
    try:
        return import_notes(site.paths.root, [path], Silent())
    except BadInput:
        return None
