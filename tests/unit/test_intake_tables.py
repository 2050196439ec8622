"""Tables as hospitals' own programs write them, and what is told of one that can't be read."""

import json

import pytest

from appliance.cli.main import run
from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.mapping import make_reading
from appliance.clinical.intake.rejections import Reason, Rejected
from appliance.records.notes import SourceNote
from appliance.workflows.site import init

SECRET = "Zebedee"
NOTE = SourceNote("7", "p1", "letter", "2024-02-01", "Seen; no fever.")


def read(path, mapping=()):
    """Notes; of what is none the line, the reason, and what is at fault."""
    return [
        (item.place.line, item.reason, item.place.field) if isinstance(item, Rejected) else item
        for item in read_notes([path], make_reading(mapping, None))
    ]


@pytest.fixture
def table(tmp_path):
    def written(text, suffix=".csv", encoding="utf-8"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(text.encode(encoding))
        return path

    return written


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_cells_are_cut_by_what_makes_the_header_one_of_ours(table, suffix, delimiter, encoding):
    """A comma in a text of a table with semicolons cuts nothing."""
    header = delimiter.join(["id", '"text"', "patient", "kind", "date"])
    row = delimiter.join(["7", '"Seen; no fever."', "p1", "letter", "2024-02-01"])
    other = delimiter.join(["8", '"One, two; three\tfour."', "p1", "", ""])
    path = table(f"{header}\r\n{row}\r\n{other}\r\n", suffix, encoding)

    first, second = read(path)

    assert first == NOTE
    assert second.text == "One, two; three\tfour."


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_name_of_a_column_may_go_on_in_the_next_line(table, suffix, delimiter):
    """As office programs write what was typed in two lines."""
    head, row = (delimiter.join(line) for line in (("NR", "BODY", '"lab\nvalue"'), "7x3"))
    path = table(f"{head}\n{row}\n", suffix)

    assert read(path, ["id=NR,text=BODY"]) == [SourceNote("7", None, "", "", "x")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_of_a_table_with_other_names_are_cut_so_too(table, delimiter):
    """By the columns that the operator names."""
    names, row = ("NR", "WARD", "BODY"), ("7", "x", "Seen.")
    path = table("\n".join(delimiter.join(line) for line in (names, row)) + "\n")

    assert read(path, ["id=NR,text=BODY"]) == [SourceNote("7", None, "", "", "Seen.")]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("01.02.2024", "2024-02-01"),
        (" 31.12.2024 ", "2024-12-31"),
        ("2024-02-01", "2024-02-01"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_day_with_dots_is_read_with_the_day_first(table, suffix, written, day):
    """Nobody writes the month first with dots."""
    row = {"id": "7", "text": "Seen.", "date": written}
    path = table(
        json.dumps(row) if suffix == ".jsonl" else f"id;text;date\n7;Seen.;{written}\n", suffix
    )

    assert read(path) == [SourceNote("7", None, "", day, "Seen.")]


@pytest.mark.parametrize(
    "written",
    ["01/02/2024", "02-01-2024", "1.2.24", "31.02.2024", "00.01.2024", "2024.02.01", SECRET],
)
def test_a_day_that_can_mean_two_is_refused_with_its_column(table, written):
    """As is one that there is not."""
    path = table(f"id,text,date\n6,Fine.,\n7,Seen.,{written}\n")

    assert read(path)[1:] == [(3, Reason.BAD_DATE, "date")]


@pytest.mark.parametrize(
    ("header", "reason", "field"),
    [
        (f"id,text,patient,{SECRET}", Reason.UNKNOWN_FIELD, "column 4"),
        (f"{SECRET},id,text", Reason.UNKNOWN_FIELD, "column 1"),
        (f"id;text;{SECRET}", Reason.UNKNOWN_FIELD, "column 3"),
        ("id\tpatient", Reason.MISSING_FIELD, "text"),
        ("id,patient", Reason.MISSING_FIELD, "text"),
        ("text", Reason.MISSING_FIELD, "id"),
        ("id,text,id", Reason.MALFORMED, "column 3"),
    ],
)
def test_a_header_that_is_none_of_ours_says_which_column(table, header, reason, field):
    """By our own name or by its number: what a stranger calls it can be a patient's name."""
    path = table(f"{header}\n{SECRET},{SECRET}\n")

    found = read(path)

    assert found == [(1, reason, field)]
    assert SECRET not in repr(list(read_notes([path])))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_column_that_the_operator_named_and_is_not_there_is_told_by_our_name(table, suffix):
    """It is the operator's mapping that is to be mended."""
    row = {"NR": "7", "BODY": "Seen."}
    path = table(f"{','.join(row)}\n{','.join(row.values())}\n", suffix)
    if suffix == ".jsonl":
        path.write_text(json.dumps(row))
    elif suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([row]), path)

    [(_, reason, field)] = read(path, ["id=NR,text=WORDS"])

    assert (reason, field) == (Reason.MISSING_FIELD, "text")


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ({"id": "7"}, Reason.MISSING_FIELD, "text"),
        ({"id": "7", "text": 5}, Reason.MALFORMED, "text"),
        ({"id": "7", "text": "x", SECRET: "x"}, Reason.UNKNOWN_FIELD, ""),
        ({"id": "7", "text": "x", "kind": "x" * 200}, Reason.MALFORMED, "kind"),
    ],
)
def test_a_field_of_a_row_is_told_if_it_is_one_of_ours(table, row, reason, field):
    """A stranger's key is not."""
    assert read(table(json.dumps(row), ".jsonl")) == [(1, reason, field)]


@pytest.mark.parametrize(
    ("content", "told", "step"),
    [
        (f"id,text,{SECRET}\n7,{SECRET},x\n", "line 1, column 3: unknown-field", "--map id="),
        (f"id,patient\n7,{SECRET}\n", "line 1, text: missing-field", "say with --map"),
        (f"id,text,date\n7,{SECRET},1/2/24\n", "line 2, date: bad-date", "DD.MM.YYYY"),
        (f'id,text\n7,"{{\\rtf1 {SECRET}}}"\n', "line 2, text: rich-text", "as plain text"),
    ],
)
@pytest.mark.parametrize("has_notes", [True, False])
def test_the_operator_is_told_where_it_is_and_what_to_do(
    tmp_path, capfd, content, told, step, has_notes
):
    """Whether or not there is a note beside it; nothing of what stands there is in it."""
    site = init(tmp_path / "site", "air-gapped")
    root = tmp_path / "export"
    root.mkdir()
    (root / "a.csv").write_text(content)
    if has_notes:
        (root / "b.csv").write_text("id;text\n1;Fine.\n")

    code = run(["notes", "import", str(root), "--site", str(site.paths.root)])
    shown = capfd.readouterr().err
    run(["notes", "rejected", "--site", str(site.paths.root), "--json"])
    [kept] = json.loads(capfd.readouterr().out)

    assert (code == 0) is has_notes
    assert told in shown
    assert step in shown
    assert SECRET not in shown
    assert f"line {kept['line']}, {kept['field']}: {kept['reason']}" == told
