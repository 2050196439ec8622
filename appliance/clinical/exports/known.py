"""The formats of exports, by name."""

from typing import Final

from appliance.clinical.exports.brat import write_brat
from appliance.clinical.exports.fhir import write_fhir
from appliance.clinical.exports.omop import write_omop
from appliance.clinical.exports.tables import write_jsonl, write_parquet
from appliance.clinical.exports.writing import Exporter

EXPORTERS: Final[dict[str, Exporter]] = {
    "parquet": write_parquet,
    "jsonl": write_jsonl,
    "brat": write_brat,
    "omop": write_omop,
    "fhir": write_fhir,
}
"""Name to what writes it."""

HOLD_NOTES: Final = frozenset({"brat"})
"""Formats that are notes with marks on them: only with leave to write text."""
