"""FHIR R4: Conditions and Observations with their Provenance, one resource a line.

A finding becomes a Condition if its label is one of `CONDITIONS`, else an Observation. Nothing is
claimed that was not read: what was negated is refuted, what a machine read is unconfirmed. What is
about the family or only feared says nothing of the patient and is left out, and counted. A relation
is an Observation whose focus is its two ends, each with its role; one of whose ends is not said of
the patient is left out.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.clinical.exports.writing import LeftOut, NoteFindings, Source, Written, words_of
from appliance.records.assertions import Assertion
from appliance.records.findings import Finding, RelationFinding

CONDITIONS: Final = frozenset(
    {"Disease", "Condition", "Disorder", "Diagnosis", "Problem", "Symptom"}
)
"""Labels of what a patient has."""

_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ROLE: Final = "urn:appliance:relation-role"
_SPAN: Final = "urn:appliance:text-span"
# Ids of resources follow from what they are about: a second export updates, and adds nothing.
_NAMESPACE: Final = uuid.UUID("6f1c0a7e-9a53-5c0b-8d7f-2f4f0d5f7c11")


def write_fhir(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`Condition.ndjson`, `Observation.ndjson`, `Provenance.ndjson`."""
    written = Written()
    paths = {name: folder / f"{name}.ndjson" for name in ("Condition", "Observation", "Provenance")}
    files = {name: path.open("x", encoding="utf-8") for name, path in paths.items()}
    try:
        for path in paths.values():
            path.chmod(0o600)
        for entry in notes:
            for resource in _resources(entry, source, written):
                kind = resource["resourceType"]
                files[kind].write(json.dumps(resource, ensure_ascii=False) + "\n")
                written.rows[kind] += 1
    finally:
        for file in files.values():
            file.close()
    return written


def _resources(entry: NoteFindings, source: Source, written: Written) -> Iterator[dict[str, Any]]:
    for finding in entry.findings:
        reason = _left_out(entry, finding)
        if reason is not None:
            written.left_out[reason] += 1
            continue
        make = _condition if _kind(finding) == "Condition" else _observation
        resource = make(entry, finding, source)
        yield resource
        identity = _identity(entry, finding, "Provenance")
        made = _Made(source.finders, source.made_at, finding.score, tuple(_spans_of(finding)))
        yield _provenance(entry, identity, made, resource)
    yield from _relations(entry, source, written)


def _relations(entry: NoteFindings, source: Source, written: Written) -> Iterator[dict[str, Any]]:
    for relation in entry.relations:
        ends = entry.ends_of(relation)
        if entry.note.patient_id is None:
            written.left_out[LeftOut.NO_PATIENT] += 1
        elif not all(end.is_about_patient for end in ends):
            written.left_out[LeftOut.END_NOT_OF_PATIENT] += 1
        else:
            resource = _related(entry, relation, ends)
            spans = (
                ("head", relation.head.start, relation.head.end),
                ("tail", relation.tail.start, relation.tail.end),
            )
            judge = ((source.adapter, source.adapter_digest),)
            identity = str(uuid.uuid5(_NAMESPACE, f"{resource['id']}:Provenance"))
            yield resource
            made = _Made(judge, source.made_at, relation.score, spans)
            yield _provenance(entry, identity, made, resource)


def _left_out(entry: NoteFindings, finding: Finding) -> LeftOut | None:
    if entry.note.patient_id is None:
        return LeftOut.NO_PATIENT
    if finding.is_(Assertion.FAMILY):
        return LeftOut.FAMILY
    return LeftOut.HYPOTHETICAL if finding.is_(Assertion.HYPOTHETICAL) else None


def _identity(entry: NoteFindings, finding: Finding, kind: str) -> str:
    about = f"{entry.note.note_id}:{finding.start}:{finding.end}:{finding.label}:{kind}"
    return str(uuid.uuid5(_NAMESPACE, about))


def _kind(finding: Finding) -> str:
    return "Condition" if finding.label in CONDITIONS else "Observation"


def _related(
    entry: NoteFindings, relation: RelationFinding, ends: tuple[Finding, Finding]
) -> dict[str, Any]:
    """What is said of the two together; `focus` is what an Observation is about beside its subject.

    Source: hl7.org/fhir/R4, Observation.focus, whose definition names an existing condition.
    """
    references = [f"{_kind(end)}/{_identity(entry, end, _kind(end))}" for end in ends]
    about = f"{entry.note.note_id}:{':'.join(references)}:{relation.label}"
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": str(uuid.uuid5(_NAMESPACE, about)),
        "status": "preliminary",
        "code": {"text": relation.label},
        "subject": {"reference": f"Patient/{entry.note.patient_id}"},
        "focus": [
            {"extension": [{"url": _ROLE, "valueCode": role}], "reference": reference}
            for role, reference in zip(("head", "tail"), references, strict=True)
        ],
        "valueBoolean": True,
    }
    if entry.note.written_on:
        resource["effectiveDateTime"] = entry.note.written_on
    return resource


def _condition(entry: NoteFindings, finding: Finding, source: Source) -> dict[str, Any]:
    status = "refuted" if finding.is_(Assertion.NEGATED) else "unconfirmed"
    if finding.is_(Assertion.UNCERTAIN) and status != "refuted":
        status = "differential"
    clinical = "inactive" if finding.is_(Assertion.HISTORICAL) else "active"
    resource: dict[str, Any] = {
        "resourceType": "Condition",
        "id": _identity(entry, finding, "Condition"),
        "verificationStatus": _coded(_VERIFICATION, status),
        "code": _code(entry, finding, source),
        "subject": {"reference": f"Patient/{entry.note.patient_id}"},
    }
    if status != "refuted":
        # What was refuted has no course.
        resource["clinicalStatus"] = _coded(_CLINICAL, clinical)
    if entry.note.written_on:
        resource["recordedDate"] = entry.note.written_on
    return resource


def _observation(entry: NoteFindings, finding: Finding, source: Source) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": _identity(entry, finding, "Observation"),
        "status": "preliminary",
        "code": _code(entry, finding, source),
        "subject": {"reference": f"Patient/{entry.note.patient_id}"},
        "valueBoolean": not finding.is_(Assertion.NEGATED),
    }
    notes = [
        kind.value for kind in (Assertion.UNCERTAIN, Assertion.HISTORICAL) if finding.is_(kind)
    ]
    if notes:
        resource["note"] = [{"text": ", ".join(notes)}]
    if entry.note.written_on:
        resource["effectiveDateTime"] = entry.note.written_on
    return resource


def _code(entry: NoteFindings, finding: Finding, source: Source) -> dict[str, Any]:
    code: dict[str, Any] = {"text": words_of(entry, finding) if source.with_text else finding.label}
    if finding.link.concept and source.vocabulary:
        code["coding"] = [{"system": source.vocabulary, "code": finding.link.concept}]
    return code


def _spans_of(finding: Finding) -> list[tuple[str, int, int]]:
    cues = [(cue.kind.value, cue.start, cue.end) for cue in finding.cues]
    return [("finding", finding.start, finding.end), *cues]


@dataclass(frozen=True, slots=True)
class _Made:
    """By what, when, how surely, and from which stretches of the note."""

    by: tuple[tuple[str, str], ...]
    at: str
    score: float
    spans: tuple[tuple[str, int, int], ...]


def _provenance(
    entry: NoteFindings, identity: str, made: _Made, resource: dict[str, Any]
) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": identity,
        "target": [{"reference": f"{resource['resourceType']}/{resource['id']}"}],
        "recorded": made.at,
        "activity": {"text": "extraction from a note by a trained model"},
        "agent": [
            {"type": _coded(_PARTICIPANT, "assembler"), "who": _maker(name, digest)}
            for name, digest in made.by
        ],
        "entity": [
            {
                "role": "source",
                "what": {
                    "identifier": {"system": "urn:appliance:note", "value": entry.note.note_id}
                },
                "extension": [_span(*span) for span in made.spans] + [_score(made.score)],
            }
        ],
    }


def _maker(name: str, digest: str) -> dict[str, Any]:
    # No adapter's name has a space in it; "names of FILE" has.
    kind = "vocabulary" if " " in name else "adapter"
    shown = name if kind == "vocabulary" else f"adapter {name}"
    identifier = {"system": f"urn:appliance:{kind}", "value": digest}
    return {"display": f"appliance, {shown}", "identifier": identifier}


def _span(kind: str, start: int, end: int) -> dict[str, Any]:
    return {
        "url": _SPAN,
        "extension": [
            {"url": "kind", "valueCode": kind},
            {"url": "start", "valueUnsignedInt": start},
            {"url": "end", "valueUnsignedInt": end},
        ],
    }


def _score(score: float) -> dict[str, Any]:
    return {"url": "urn:appliance:score", "valueDecimal": score}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
