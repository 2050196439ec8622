"""Inspecting texts with the site's gate: one verdict per input, in order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from appliance.errors import BadInput, IntegrityError
from appliance.gate.denials import denial_facts
from appliance.gate.inspection import Gate
from appliance.gate.opening import open_gate
from appliance.records.progress import Progress
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.keys import Purpose, pseudonym
from appliance.workflows.site import Site, check_kept, open_site

STDIN: Final = Path("-")
INDEX: Final = "patients.index"
_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class InputText:
    """One text to inspect."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One verdict with the id of its input."""

    id: str
    verdict: Verdict

    @property
    def is_denied(self) -> bool:
        """Whether the gate denied it."""
        return self.verdict.decision is Decision.DENY

    def to_plain(self) -> dict[str, object]:
        """The line that `gate scan` prints; offsets in code points of the input as given.

        A denial without a finding says why it was denied.
        """
        findings = [
            {
                "start": hit.start,
                "end": hit.end,
                "entity": hit.entity,
                "score": round(hit.score, 4),
                "detector": hit.detector,
            }
            for hit in self.verdict.hits
        ]
        row: dict[str, object] = {
            "id": self.id,
            "decision": self.verdict.decision.value,
            "findings": findings,
        }
        if self.is_denied and not findings:
            row["reason"] = self.verdict.reason
        return row


def open_site_gate(site: Site) -> Gate:
    """The gate of an open site.

    Raises:
        IntegrityError: The index of its patients is gone.
        DetectorFailed: A detector does not load.
    """
    index = site.paths.vault / INDEX
    try:
        check_kept(site, index, "patients.imported", "patients")
    except IntegrityError as error:
        site.ledger.record("gate.closed", {"error": type(error).__name__})
        raise
    return open_gate(site.paths.policies, index, site.keys, site.clock, site.ledger)


def scan(
    root: Path,
    sources: Sequence[Path],
    stdin: BinaryIO,
    progress: Progress,
    *,
    jsonl: bool,
    only_decide: bool = False,
) -> Iterator[ScanRow]:
    """Each input's verdict, as soon as its batch is done and the ledger has its denials.

    Args:
        root: The site.
        sources: Files; `STDIN` reads `stdin`.
        stdin: Bytes of standard input.
        progress: Where to report.
        jsonl: Each line of each source is one input with "id" and "text"; else each source is one.
        only_decide: End the work on an input with the first finding that denies it.

    Raises:
        BadInput: A source can't be read, is not UTF-8, or has a malformed line; what was ruled
            before is out already.
        DetectorFailed: A detector does not load.
    """
    site = open_site(root)
    inputs = read_inputs(sources, stdin, jsonl=jsonl)
    gate = open_site_gate(site)
    counts = {Decision.ALLOW: 0, Decision.DENY: 0}
    progress.begin("inspecting")
    try:
        for batch in _batches(inputs):
            verdicts = gate.inspect_many([one.text for one in batch], only_decide=only_decide)
            _record_denials(site, batch, verdicts)
            for one, verdict in zip(batch, verdicts, strict=True):
                counts[verdict.decision] += 1
                yield ScanRow(one.id, verdict)
            progress.advance(len(batch), f"{counts[Decision.DENY]} denied")
    finally:
        progress.end(f"{sum(counts.values())} inspected, {counts[Decision.DENY]} denied")
        site.ledger.record(
            "gate.scanned",
            {"allowed": counts[Decision.ALLOW], "denied": counts[Decision.DENY]},
        )


def text_id(site: Site, input_id: str) -> str:
    """What the ledger knows an input by: ids and names of files may name a patient."""
    return f"t-{pseudonym(site.keys.key(Purpose.PSEUDONYM), 'text', input_id)}"


def content_id(site: Site, text: str) -> str:
    """What tells, with the site's key, whether a text is still the one that was ruled on."""
    return pseudonym(site.keys.key(Purpose.PSEUDONYM), "content", text)


def _record_denials(site: Site, batch: Sequence[InputText], verdicts: Sequence[Verdict]) -> None:
    site.ledger.record_many(
        (
            "text.denied",
            {"text": text_id(site, one.id), "content": content_id(site, one.text)}
            | denial_facts(verdict),
        )
        for one, verdict in zip(batch, verdicts, strict=True)
        if verdict.decision is Decision.DENY
    )


def _batches(inputs: Iterator[InputText]) -> Iterator[list[InputText]]:
    """Batches of the inputs; what came before a bad one is a batch of its own, then it raises."""
    batch: list[InputText] = []
    try:
        for one in inputs:
            batch.append(one)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    except BadInput:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def read_inputs(sources: Sequence[Path], stdin: BinaryIO, *, jsonl: bool) -> Iterator[InputText]:
    """The inputs of all sources, in order; see `scan`.

    Raises:
        BadInput: A source can't be read, is not UTF-8, or has a malformed line.
    """
    for source in sources or (STDIN,):
        if jsonl:
            yield from _read_lines(source, stdin)
        else:
            name = str(source) if source == STDIN else source.name
            yield InputText(name, _decode(_read_bytes(source, stdin), source))


def _read_lines(source: Path, stdin: BinaryIO) -> Iterator[InputText]:
    lines = stdin if source == STDIN else _open(source)
    try:
        for number, line in enumerate(lines, start=1):
            text = _decode(line, source, number)
            if text.strip():
                yield _parse_line(text, source, number)
    except OSError as error:
        raise _unreadable(source, error) from None
    finally:
        if source != STDIN:
            lines.close()


def _parse_line(line: str, source: Path, number: int) -> InputText:
    try:
        row = json.loads(line)
        return InputText(str(row["id"]), _as_text(row["text"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInput(
            f'{source}, line {number}: not a JSON object with "id" and "text".',
            "Mend that line; what came before it was inspected.",
        ) from None


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _decode(content: bytes, source: Path, number: int = 0) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        where = f", line {number}" if number else ""
        raise BadInput(
            f"{source}{where} is not UTF-8.", "Convert it, e.g. with iconv, and scan it again."
        ) from None


def _read_bytes(source: Path, stdin: BinaryIO) -> bytes:
    if source == STDIN:
        return stdin.read()
    with _open(source) as file:
        return file.read()


def _unreadable(source: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{source} can't be read: {error.strerror}.", "Name a file that this user may read."
    )


def _open(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from None
