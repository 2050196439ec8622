"""One and the same note as every format has it; the smallest files that are whole."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export says of a note."""

    id: str = "17"
    patient: str = "pat-1"
    kind: str = "Discharge summary"
    date: str = "2026-03-14"
    text: str = field(default="No fever & no rash.\nSeen by her brother <Zebedee>.", repr=False)

    @property
    def stamp(self) -> str:
        """The date as HL7 writes it."""
        return self.date.replace("-", "") + "0815"

    def base64(self) -> str:
        """The text's bytes."""
        return base64.b64encode(self.text.encode()).decode()


def fields(note: Exported) -> dict[str, str]:
    """By our own names."""
    return {
        "id": note.id,
        "text": note.text,
        "patient": note.patient,
        "kind": note.kind,
        "date": note.date,
    }


def document_reference(note: Exported) -> dict[str, object]:
    """A resource of FHIR R4 with the text inside."""
    return {
        "resourceType": "DocumentReference",
        "id": note.id,
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "display": note.kind}]},
        "subject": {"reference": f"Patient/{note.patient}"},
        "date": f"{note.date}T08:15:00Z",
        "content": [
            {"attachment": {"contentType": "application/pdf", "url": "Binary/9"}},
            {"attachment": {"contentType": "text/plain; charset=utf-8", "data": note.base64()}},
        ],
    }


def diagnostic_report(note: Exported) -> dict[str, object]:
    """The same as a report."""
    return {
        "resourceType": "DiagnosticReport",
        "id": note.id,
        "status": "final",
        "code": {"text": note.kind},
        "subject": {"reference": f"https://fhir.example/Patient/{note.patient}/_history/2"},
        "effectiveDateTime": note.date,
        "presentedForm": [{"contentType": "text/plain", "data": note.base64()}],
    }


def fhir_bundle(note: Exported) -> bytes:
    """A Bundle whose second entry it is."""
    entries = [
        {"resource": {"resourceType": "Patient", "id": note.patient}},
        {"fullUrl": "urn:uuid:1", "resource": document_reference(note)},
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def fhir_ndjson(note: Exported) -> bytes:
    """One resource a line."""
    return json.dumps(diagnostic_report(note)).encode() + b"\n"


def jsonl(note: Exported) -> bytes:
    """Our own fields."""
    return json.dumps(fields(note)).encode() + b"\n"


def csv(note: Exported, delimiter: str = ",") -> bytes:
    """A header and a row."""
    import csv as library

    out = io.StringIO()
    writer = library.writer(out, delimiter=delimiter)
    writer.writerow(fields(note))
    writer.writerow(fields(note).values())
    return out.getvalue().encode()


def tsv(note: Exported) -> bytes:
    """The same with tabs."""
    return csv(note, "\t")


def parquet(note: Exported) -> bytes:
    """A table of one row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({key: [value] for key, value in fields(note).items()}), out)
    return out.getvalue()


def _escaped(text: str) -> str:
    for character, code in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text = text.replace(character, f"\\{code}\\")
    return text


def mdm(note: Exported) -> bytes:
    """A document of HL7 v2, a line of text to an OBX."""
    lines = [
        f"MSH|^~\\&|EHR|SITE|IN|SITE|{note.stamp}||MDM^T02^MDM_T02|c-1|P|2.5||||||UNICODE UTF-8",
        f"PID|1||{note.patient}^^^SITE^MR||Doe^Jo",
        f"TXA|1|DS^{note.kind}|TX|{note.stamp}||||||||{note.id}|||||AU||AV",
    ]
    lines += [f"OBX|{n}|TX|||{_escaped(line)}" for n, line in enumerate(note.text.split("\n"), 1)]
    return "\r".join([*lines, ""]).encode()


def oru(note: Exported) -> bytes:
    """A report of HL7 v2, its lines as repetitions, in a frame of MLLP."""
    text = "~".join(map(_escaped, note.text.split("\n")))
    lines = [
        f"MSH|^~\\&|RIS|SITE|IN|SITE|{note.stamp}||ORU^R01|c-2|P|2.5",
        f"PID|1||{note.patient}^^^SITE^MR",
        f"OBR|1|p-1|{note.id}|RAD^{note.kind}|||{note.stamp}",
        f"OBX|1|FT|RAD^Report||{text}||||||F",
    ]
    return b"\x0b" + "\r".join([*lines, ""]).encode() + b"\x1c\r"


def ccda(note: Exported) -> bytes:
    """A clinical document with one section and no title."""
    paragraphs = "".join(f"<paragraph>{escape(line)}</paragraph>" for line in note.text.split("\n"))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc">
 <id root="{note.id}"/>
 <code code="18842-5" displayName="{note.kind}" codeSystem="2.16.840.1.113883.6.1"/>
 <effectiveTime value="{note.stamp}"/>
 <recordTarget><patientRole>
  <id root="2.16" extension="{note.patient}"/>
 </patientRole></recordTarget>
 <component><structuredBody><component><section>
  <text>{paragraphs}</text>
  <entry><act classCode="ACT"><text>coded, and not the author's words</text></act></entry>
 </section></component></structuredBody></component>
</ClinicalDocument>""".encode()


def pdf(note: Exported) -> bytes:
    """One page, a line of text to a line."""
    shown = "".join(
        "({}) Tj T*\n".format(line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)"))
        for line in note.text.split("\n")
    )
    stream = f"BT /F1 12 Tf 14 TL 72 720 Td\n{shown}ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + b"xref\n0 7\n0000000000 65535 f \n" + table + trailer


def txt(note: Exported) -> bytes:
    """The text alone."""
    return note.text.encode()


EXPORTS: Final[Mapping[str, tuple[str, Callable[[Exported], bytes]]]] = {
    "text": (".txt", txt),
    "pdf": (".pdf", pdf),
    "fhir-bundle": (".json", fhir_bundle),
    "fhir-ndjson": (".ndjson", fhir_ndjson),
    "jsonl": (".jsonl", jsonl),
    "csv": (".csv", csv),
    "tsv": (".tsv", tsv),
    "parquet": (".parquet", parquet),
    "mdm": (".hl7", mdm),
    "oru": (".hl7", oru),
    "ccda": (".xml", ccda),
}
"""Name to the suffix and the writer of each."""

WHOLE: Final = frozenset(EXPORTS) - {"text", "pdf"}
"""Those that say more of a note than its text."""
