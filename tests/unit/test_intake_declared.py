"""What an operator says about an export that does not say it itself: encoding, columns, dates."""

import json

import pytest

from appliance.cli.main import run
from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.mapping import make_reading
from appliance.clinical.intake.rejections import Reason, Rejected
from appliance.errors import BadInput
from appliance.records.notes import SourceNote
from appliance.workflows.site import init

WORDS = "Übelkeit – 5 €"


def read(path, mapping=(), encoding=None):
    items = list(read_notes([path], make_reading(mapping, encoding)))
    return [item.reason if isinstance(item, Rejected) else item for item in items]


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv"])
def test_bytes_that_declare_nothing_are_read_as_the_operator_says(tmp_path, suffix):
    """Not before: the same bytes mean other things in other encodings."""
    content = {".txt": WORDS, ".csv": f"id,text\n1,{WORDS}\n", ".tsv": f"id\ttext\n1\t{WORDS}\n"}
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content[suffix].encode("cp1252"))

    [note] = read(path, encoding="windows-1252")

    assert (note.text, note.encoding) == (WORDS, "cp1252")
    assert read(path) == [Reason.NOT_UTF8]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_a_byte_order_mark_is_a_declaration(tmp_path, suffix, encoding):
    """As tables leave office programs."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes((WORDS if suffix == ".txt" else f"id,text\n1,{WORDS}\n").encode(encoding))

    [note] = read(path)

    assert note.text == WORDS


def test_utf_8_stays_utf_8_whatever_is_said(tmp_path):
    """A folder may hold both; the encoding of each note is on record."""
    (tmp_path / "a.txt").write_text(WORDS)
    (tmp_path / "b.txt").write_bytes(WORDS.encode("cp1252"))

    first, second = read(tmp_path, encoding="cp1252")

    assert first.text == second.text == WORDS
    assert (first.encoding, second.encoding) == ("utf-8", "cp1252")


def test_windows_bytes_are_no_latin_1(tmp_path):
    """Every byte has a meaning in ISO 8859; a control character says that it is the wrong one."""
    path = tmp_path / "a.txt"
    path.write_bytes(WORDS.encode("cp1252"))

    assert read(path, encoding="iso-8859-1") == [Reason.WRONG_ENCODING]


@pytest.mark.parametrize("name", ["rot13", "unicode_escape", "idna", "utf-7", "klingon", ""])
def test_an_encoding_that_is_none_is_bad_input(name):
    """Python's codecs that are no character sets among them."""
    with pytest.raises(BadInput, match="no encoding"):
        make_reading((), name)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_with_other_names_is_read_by_a_mapping(tmp_path, suffix):
    """What the operator does not name is left out."""
    rows = [{"NOTE_ID": 7, "NOTE_TEXT": "Seen.", "MRN": "p1", "DAY": "14/03/2026", "WARD": "x"}]
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        path.write_text(",".join(rows[0]) + "\n" + ",".join(map(str, rows[0].values())) + "\n")
    elif suffix == ".jsonl":
        path.write_text(json.dumps(rows[0]) + "\n")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    mapping = tmp_path / "columns.toml"
    mapping.write_text(
        'date-format = "%d/%m/%Y"\n[columns]\nid = "NOTE_ID"\ntext = "NOTE_TEXT"\n'
        'patient = "MRN"\ndate = "DAY"\n'
    )

    [note] = read(path, [str(mapping)])
    [short] = read(path, ["id=NOTE_ID,text=NOTE_TEXT", "patient=MRN"])

    assert note == SourceNote("7", "p1", "", "2026-03-14", "Seen.")
    assert short == SourceNote("7", "p1", "", "", "Seen.")
    assert read(path, ["id=NOTE_ID,text=BODY"]) == [Reason.MISSING_FIELD]
    assert read(path, ["id=NOTE_ID,text=NOTE_TEXT,date=DAY"]) == [Reason.BAD_DATE]


def test_dates_and_numbers_of_parquet_are_understood(tmp_path):
    """A table's own types."""
    import datetime as dt

    import pyarrow as pa
    import pyarrow.parquet as pq

    day = dt.date(2026, 3, 14)
    moment = dt.datetime(2026, 3, 14, 8, 15, tzinfo=dt.UTC)
    for name, value in (("a", day), ("b", moment)):
        table = pa.table({"id": [name], "text": ["Seen."], "date": [value], "patient": [None]})
        pq.write_table(table, tmp_path / f"{name}.parquet")

    notes = read(tmp_path)

    assert {note.written_on for note in notes} == {"2026-03-14"}


@pytest.mark.parametrize(
    "mapping",
    [
        ["id=A"],
        ["text=A"],
        ["id=A,text=B,ward=C"],
        ["id=A,text=B,id=C"],
        ["id=A,text="],
        ["id"],
        ["nowhere.toml"],
    ],
)
def test_a_mapping_that_says_too_little_is_bad_input(mapping):
    """With what to write instead."""
    with pytest.raises(BadInput, match="--map id=NOTE_ID"):
        make_reading(mapping, None)


@pytest.mark.parametrize(
    "content", ["columns = 5", "[columns]\nid = 5\ntext = 'x'", "[columns]\nid =", "x = 1"]
)
def test_a_mapping_file_that_is_none_is_bad_input(tmp_path, content):
    """The file is named."""
    path = tmp_path / "columns.toml"
    path.write_text(content)

    with pytest.raises(BadInput, match=r"columns\.toml|does not say where"):
        make_reading([str(path)], None)


def test_the_command_line_takes_both_and_tells_what_was_read(tmp_path, capfd):
    """Encodings by count, in the answer and in the ledger."""
    site = init(tmp_path / "site", "air-gapped")
    (tmp_path / "a.csv").write_bytes(f"NR,BODY\n1,{WORDS}\n2,Plain.\n".encode("cp1252"))

    code = run(
        [
            *("notes", "import", str(tmp_path / "a.csv"), "--map", "id=NR,text=BODY"),
            *("--encoding", "windows-1252", "--site", str(site.paths.root), "--json"),
        ]
    )

    assert code == 0
    assert json.loads(capfd.readouterr().out)["encodings"] == {"cp1252": 1, "utf-8": 1}


def test_windows_bytes_in_a_table_are_no_latin_1(tmp_path):
    """As in a file that is one note."""
    path = tmp_path / "a.csv"
    path.write_bytes(f"id,text\n1,{WORDS}\n2,Übelkeit\n".encode("cp1252"))

    first, second = read(path, encoding="iso-8859-1")

    assert first in set(Reason)
    assert second.text == "Übelkeit"
