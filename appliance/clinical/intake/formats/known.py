"""Which format a file is, by the end of its name."""

from typing import Final

from appliance.clinical.intake.formats.ccda import read_ccda
from appliance.clinical.intake.formats.fhir import read_fhir
from appliance.clinical.intake.formats.messages import read_hl7
from appliance.clinical.intake.formats.pdf import read_pdf
from appliance.clinical.intake.formats.plain import read_text
from appliance.clinical.intake.formats.reading import Format
from appliance.clinical.intake.formats.tables import read_csv, read_jsonl, read_parquet, read_tsv

# Archives are not among them: what a hospital packs it can unpack, and a bomb stays shut.
FORMATS: Final[dict[str, Format]] = {
    ".txt": read_text,
    # Rich text is refused as such, with what to do; what only bears its name is text.
    ".rtf": read_text,
    ".pdf": read_pdf,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_fhir,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".hl7": read_hl7,
    ".xml": read_ccda,
    ".cda": read_ccda,
}
"""Suffix, in lower case, to the reader of such a file."""
