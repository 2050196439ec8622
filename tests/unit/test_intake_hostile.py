"""Files made to hurt: bombs, entities, depths, sizes, lies. Each costs one item, little else."""

import io
import json
import time
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.formats import pdf as pdf_format
from appliance.clinical.intake.formats import tables
from appliance.clinical.intake.formats.json_stream import MAX_VALUE_BYTES, Elements
from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Reason, Refusal, Rejected
from tests.lib.exports import Exported, ccda, document_reference, mdm, pdf

NOTE = Exported()
LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "lol">{LOL}]>'


def read(suffix, content):
    file = content if hasattr(content, "read") else io.BytesIO(content)
    try:
        entries = list(FORMATS[suffix](file, Origin(f"x/a{suffix}", Reading())))
    except Refusal as refusal:
        return [refusal.reason]
    return [entry.reason if isinstance(entry, Refusal) else entry for _, entry in entries]


class Endless(io.RawIOBase):
    """A file of any size, made of one piece over and over."""

    def __init__(self, head, piece, size, tail=b""):
        self._head, self._piece, self._left, self._tail = head, piece, size, tail
        self.taken = self._given = 0

    def read(self, size=-1):
        assert size >= 0, "nobody reads a file whole"
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
        elif self._left > 0:
            at = self._given % len(self._piece)
            pieces = self._piece * (size // len(self._piece) + 2)
            part = pieces[at : at + min(size, self._left)]
            self._left -= len(part)
            self._given += len(part)
        else:
            part, self._tail = self._tail[:size], self._tail[size:]
        self.taken += len(part)
        return part


@pytest.mark.parametrize(
    "declaration",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]>',
    ],
)
def test_a_document_type_is_refused_before_any_entity(declaration):
    """Billion laughs, files of the host, documents elsewhere."""
    content = ccda(NOTE).decode().replace("?>", f"?>{declaration}", 1).replace("No fever", "&a;")

    assert read(".xml", content.encode()) == [Reason.ENTITIES]
    assert read(".xml", content.replace("UTF-8", "UTF-16").encode("utf-16")) == [Reason.ENTITIES]


def test_depth_is_refused():
    """Of XML, of JSON on a line, of JSON in a bundle."""
    deep = ccda(NOTE).decode().replace("<paragraph>", "<paragraph>" + "<content>" * 100_000, 1)
    nested = b'{"resourceType": "Bundle", "entry": [{"resource": ' + b'{"a":' * 100_000

    assert read(".xml", deep.encode()) == [Reason.TOO_DEEP]
    assert read(".json", nested) == [Reason.TOO_DEEP]
    assert read(".jsonl", b'{"a":' * 100_000) == [Reason.MALFORMED]
    assert read(".jsonl", b'{"a":[' + b"[]," * 600_000 + b"1]}") == [Reason.TOO_DEEP]


@pytest.mark.slow
def test_what_is_far_too_large_is_refused_without_being_held():
    """A text, a line, a segment, a string in a bundle: each far beyond any note."""
    size = 10**9 // 4
    text = Endless(b"", b"x", size)
    bundle = Endless(
        b'{"resourceType":"Bundle","entry":[{"resource":{"a":"', b"x" * 65_536, size, b'"}}]}'
    )
    message = Endless(b"MSH|^~\\&|", b"x" * 65_536, size, b"\r" + mdm(NOTE))

    assert read(".txt", text) == [Reason.TOO_LARGE]
    assert text.taken <= 4 * MAX_NOTE_BYTES + 5
    assert read(".json", bundle) == [Reason.TOO_LARGE]
    refused, note = read(".hl7", message)
    assert refused == Reason.TOO_LARGE
    assert note.text == NOTE.text


def test_a_bundles_entries_are_handed_out_one_by_one():
    """What was handed out is held no longer: the buffer stays as small as an entry."""
    entry = json.dumps({"resource": document_reference(NOTE)}).encode() + b","
    file = Endless(b'{"entry":[', entry, len(entry) * 5_000, b'{"resource":{}}]}')
    elements = Elements(file, "entry")

    longest = count = 0
    for element in elements:
        assert not isinstance(element, Refusal)
        count += 1
        longest = max(longest, len(elements._buffer))

    assert count == 5_001
    assert longest < 200_000


@pytest.mark.slow
def test_an_element_longer_than_any_note_costs_itself():
    """The entries before and after it are read."""
    entry = json.dumps({"resource": document_reference(NOTE)})
    long = json.dumps({"resource": {"a": "x" * (MAX_VALUE_BYTES + 100_000)}})

    first, refused, last = read(".json", f'{{"entry":[{entry},{long},{entry}]}}'.encode())

    assert refused == Reason.TOO_LARGE
    assert first == last


@pytest.mark.slow
def test_a_pdf_that_unpacks_to_gigabytes_is_refused():
    """A stream of two gigabytes in two megabytes."""
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(b" " * 1_000_000) for _ in range(2_000)) + packer.flush()
    content = pdf(NOTE)
    start, _, rest = content.partition(b"<< /Length ")
    end = rest.partition(b"endstream")[2]
    bomb = b"%s<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream%s" % (
        start,
        len(stream),
        stream,
        end,
    )

    [reason] = read(".pdf", bomb)

    assert reason in {Reason.MALFORMED, Reason.NO_TEXT, Reason.TOO_COSTLY}
    # The process that reads them is whole again.
    assert read(".pdf", pdf(NOTE))[0].text == NOTE.text


def test_a_pdf_that_takes_too_long_is_given_up():
    """The process is killed, and the next file is read by another."""
    before = time.monotonic()

    with pytest.raises(Refusal, match="too-costly"):
        pdf_format.text_of_pdf(pdf(NOTE), timeout_s=0)

    assert time.monotonic() - before < 30
    assert pdf_format.text_of_pdf(pdf(NOTE)) == NOTE.text


def test_a_cell_that_many_rows_share_is_no_bomb(monkeypatch):
    """Parquet writes it once: neither memory nor the vault is filled with what it unpacks to."""
    monkeypatch.setattr(tables, "_MAX_AT_ONCE_BYTES", 100_000)
    monkeypatch.setattr(tables, "_FREE_BYTES", 100_000)
    rows = 200
    out = io.BytesIO()
    shared = pa.table({"id": [str(n) for n in range(rows)], "text": ["x" * 30_000] * rows})
    pq.write_table(shared, out)
    del shared
    before, most = pa.total_allocated_bytes(), 0
    entries = tables.read_parquet(out, Origin("x/a.parquet", Reading()))

    # A hundred times what it claims: 0.03 MB.
    for _ in range(90):
        next(entries)
        most = max(most, pa.total_allocated_bytes() - before)
    with pytest.raises(Refusal) as refusal:
        list(entries)

    assert refusal.value.reason is Reason.TOO_LARGE
    # Sixty-four rows at a time would be two megabytes.
    assert most < 1_000_000


def test_what_claims_to_be_a_table_and_is_none_is_refused():
    """Bytes of anything under the name of Parquet."""
    assert read(".parquet", b"PAR1" + b"\x00" * 100 + b"PAR1") == [Reason.MALFORMED]
    assert read(".parquet", b"") == [Reason.MALFORMED]


def test_no_archive_is_opened(tmp_path):
    """So that none can unpack to more than the disk holds, or outside its folder."""
    for name in ("a.zip", "b.tar.gz", "c.jsonl.gz", "d.7z"):
        (tmp_path / name).write_bytes(b"PK\x03\x04../../etc/passwd")

    items = list(read_notes([tmp_path]))

    assert {item.reason for item in items if isinstance(item, Rejected)} == {Reason.UNKNOWN_FORMAT}
    assert len(items) == 4


def test_a_bug_of_ours_costs_one_file(tmp_path, monkeypatch):
    """It is counted under a reason of its own, and the next file is read."""

    def broken(file, origin):
        raise ZeroDivisionError(file.read())
        yield origin

    monkeypatch.setitem(FORMATS, ".hl7", broken)
    (tmp_path / "a.hl7").write_text("Zebedee")
    (tmp_path / "b.txt").write_text("Fine.")

    refused, note = read_notes([tmp_path])

    assert refused.reason == Reason.FAILED
    assert note.text == "Fine."


def test_an_answer_that_nobody_waited_for_is_not_the_next_files(monkeypatch):
    """Ctrl-C between question and answer."""

    def interrupted(*_):
        raise KeyboardInterrupt

    other = Exported(text="Somebody else.")
    with monkeypatch.context() as patch:
        patch.setattr(pdf_format, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pdf_format.text_of_pdf(pdf(NOTE))

    assert pdf_format.text_of_pdf(pdf(other)) == other.text
