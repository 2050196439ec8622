"""Exports as hospitals give them, good and bad: every item is a note or is counted."""

import json
import os
from collections import Counter

import pytest

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.files import read_notes
from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.errors import BadInput
from appliance.records.notes import SourceNote

SECRET = "Zebedee"


def sort_out(*paths):
    items = list(read_notes(paths))
    notes = [item for item in items if isinstance(item, SourceNote)]
    reasons = Counter(item.reason for item in items if isinstance(item, Rejected))
    return notes, reasons


def test_a_folder_of_text_is_read_in_name_order_with_its_subfolders(tmp_path):
    """The order of the disk does not matter; the folder's name is part of the id."""
    root = tmp_path / "export"
    (root / "b").mkdir(parents=True)
    (root / "b" / "1.txt").write_text("Second.")
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfFirst.\r\nLine two.\rThree.")

    notes, reasons = sort_out(root)

    assert [note.source_id for note in notes] == ["export/a", "export/b/1"]
    assert notes[0].text == "First.\nLine two.\nThree."
    assert not reasons


def test_numbers_in_names_count_by_their_value(tmp_path):
    """An export in many files numbers them, and the newest version is in the last."""
    names = ["a", "export", "export_2", "export_010", "export_10", "export_10b", "export_x"]
    for name in reversed(names):
        (tmp_path / f"{name}.txt").write_text(name)

    notes, _ = sort_out(tmp_path)

    assert [note.text for note in notes] == names


def test_two_wards_with_the_same_file_names_do_not_collide(tmp_path):
    """A nightly export into a fresh folder never overwrites yesterday's."""
    for ward in ("ward-1", "ward-2"):
        (tmp_path / ward).mkdir()
        (tmp_path / ward / "001.txt").write_text(ward)

    notes, _ = sort_out(tmp_path / "ward-1", tmp_path / "ward-2")
    [alone], _ = sort_out(tmp_path / "ward-1" / "001.txt")

    assert [note.source_id for note in notes] == ["ward-1/001", "ward-2/001"]
    assert alone == notes[0]


def test_jsonl_and_csv_say_the_same(tmp_path):
    """One note, two formats."""
    row = {
        "id": "7",
        "text": 'Über, "so"\nso.',
        "patient": "p1",
        "kind": "note",
        "date": "2026-03-01",
    }
    (tmp_path / "a.jsonl").write_text("\n" + json.dumps(row) + "\n")
    quoted = row["text"].replace('"', '""')
    (tmp_path / "b.csv").write_text(
        f'date,id,patient,text,kind\n2026-03-01,7,p1,"{quoted}",note\n', encoding="utf-8-sig"
    )

    [from_jsonl], _ = sort_out(tmp_path / "a.jsonl")
    [from_csv], _ = sort_out(tmp_path / "b.csv")

    assert from_jsonl == from_csv == SourceNote("7", "p1", "note", "2026-03-01", row["text"])


def test_optional_fields_may_be_absent(tmp_path):
    """An id and a text are enough; a number is an id too."""
    (tmp_path / "a.jsonl").write_text('{"id": 7, "text": "x", "patient": null}\n')
    (tmp_path / "b.csv").write_text("id,text,patient\n8,y,\n")

    notes, _ = sort_out(tmp_path / "a.jsonl", tmp_path / "b.csv")

    assert notes == [SourceNote("7", None, "", "", "x"), SourceNote("8", None, "", "", "y")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "1", "text": "' + SECRET.encode(), Reason.MALFORMED),
        (b'["Zebedee"]', Reason.MALFORMED),
        (b"[" * 100_000, Reason.MALFORMED),
        (b'{"id": ' + b"9" * 5000 + b', "text": "x"}', Reason.MALFORMED),
        (b'{"id": "1", "text": 5}', Reason.MALFORMED),
        (b'{"id": "", "text": "x"}', Reason.MALFORMED),
        (b'{"id": "1"}', Reason.MISSING_FIELD),
        (b'{"text": "Zebedee"}', Reason.MISSING_FIELD),
        (b'{"id": "1", "text": "x", "mrn": "Zebedee"}', Reason.UNKNOWN_FIELD),
        (b'{"id": "1", "text": "x", "date": "Zebedee"}', Reason.BAD_DATE),
        (b'{"id": "1", "text": "x", "date": "2026-02-30"}', Reason.BAD_DATE),
        (b'{"id": "1", "text": " \\n\\t "}', Reason.EMPTY),
        (b'{"id": "1", "text": "a\\u0000b"}', Reason.NUL_BYTE),
        (b'{"id": "1", "text": "a\\ud800b"}', Reason.NOT_UTF8),
        (b'{"id": "1", "text": "Andr\xe9"}', Reason.NOT_UTF8),
    ],
)
def test_a_bad_line_is_refused_with_its_reason_and_the_next_one_read(tmp_path, line, reason):
    """One broken row costs one row."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b'\n{"id": "good", "text": "Fine."}\n')

    notes, reasons = sort_out(path)

    assert reasons == {reason: 1}
    assert [note.source_id for note in notes] == ["good"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,Andr\xe9,p", Reason.NOT_UTF8),
        (b"1,x", Reason.MALFORMED),
        (b"1,x,p,more", Reason.MALFORMED),
        (b"1,,p", Reason.MISSING_FIELD),
        (b"1,   ,p", Reason.EMPTY),
        (b"1,a\x00b,p", Reason.NUL_BYTE),
        (b'1,"x"y,p', Reason.MALFORMED),
    ],
)
def test_a_bad_csv_row_is_refused_and_the_next_one_read(tmp_path, row, reason):
    """Bytes that are no UTF-8 spoil their row, not the file."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text,patient\n" + row + b"\ngood,Fine.,p\n")

    notes, reasons = sort_out(path)

    assert reasons == {reason: 1}
    assert [note.source_id for note in notes] == ["good"]


def test_a_csv_with_unknown_columns_is_refused_once(tmp_path):
    """No column is dropped in silence."""
    path = tmp_path / "a.csv"
    path.write_text("id,text,mrn\n1,x,2\n3,y,4\n")

    assert sort_out(path) == ([], {Reason.UNKNOWN_FIELD: 1})


def test_what_is_no_note_is_counted_and_nothing_hangs(tmp_path):
    """Links, pipes, strange formats, unreadable, empty, binary and huge files."""
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    root = tmp_path / "export"
    root.mkdir()
    (root / "link.txt").symlink_to(outside)
    (root / "folder-link").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.txt")
    (root / "scan.docx").write_bytes(b"%PDF")
    (root / "empty.txt").write_text("")
    (root / "nul.txt").write_bytes(b"a\x00b")
    (root / "latin.txt").write_bytes("Müller".encode("latin-1"))
    (root / "huge.txt").write_bytes(b"x" * (MAX_NOTE_BYTES + 1))
    (root / "good.txt").write_text("Fine.")

    notes, reasons = sort_out(root)

    assert [note.text for note in notes] == ["Fine."]
    assert reasons == {
        Reason.LINK: 2,
        Reason.NOT_A_FILE: 1,
        Reason.UNKNOWN_FORMAT: 1,
        Reason.EMPTY: 1,
        Reason.NUL_BYTE: 1,
        Reason.NOT_UTF8: 1,
        Reason.TOO_LARGE: 1,
    }


def test_a_huge_row_is_refused_without_the_rest_of_the_file(tmp_path):
    """The row after a row of ten megabytes is read, in both table formats."""
    huge = "x" * (MAX_NOTE_BYTES + 1)
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"id": "1", "text": huge}) + '\n{"id": "2", "text": "y"}\n'
    )
    (tmp_path / "b.csv").write_text(f"id,text\n3,{huge}\n4,y\n")

    notes, reasons = sort_out(tmp_path)

    assert [note.source_id for note in notes] == ["2", "4"]
    assert reasons == {Reason.TOO_LARGE: 2}


def test_a_file_that_vanishes_or_is_shut_is_unreadable(tmp_path, monkeypatch):
    """The rest of the export is read."""
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").write_text("y")
    real_open = os.open

    def refuse(path, *arguments, **options):
        if str(path).endswith("a.txt"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    notes, reasons = sort_out(tmp_path)

    assert [note.text for note in notes] == ["y"]
    assert reasons == {Reason.UNREADABLE: 1}


def test_a_duplicate_id_is_refused_wherever_it_comes_from(tmp_path):
    """The first one counts; the second is said to be a second."""
    for name, text in (("a.jsonl", "first"), ("b.jsonl", "second")):
        (tmp_path / name).write_text(json.dumps({"id": "1", "text": text}) + "\n")

    notes, reasons = sort_out(tmp_path)

    assert [note.text for note in notes] == ["first"]
    assert reasons == {Reason.DUPLICATE_ID: 1}


def test_a_path_that_is_not_there_stops_before_anything_is_read(tmp_path):
    """A typing error is found at once."""
    with pytest.raises(BadInput, match="does not exist"):
        read_notes([tmp_path, tmp_path / "absent"])


def test_an_empty_folder_is_an_empty_export(tmp_path):
    """Whether that is an error is for the caller to say."""
    assert sort_out(tmp_path) == ([], {})


def test_no_refusal_shows_text_or_names(tmp_path):
    """Neither repr nor the exception chain behind it."""
    path = tmp_path / f"{SECRET}.jsonl"
    path.write_text(f'{{"id": "{SECRET}", "text": 5}}\n{SECRET}\n')

    shown = repr(list(read_notes([path])))

    assert SECRET not in shown


def test_every_rejected_item_says_where_it_stands(tmp_path):
    """Which path, which file below it in name order, which line; a second use of an id too."""
    root = tmp_path / "export"
    (root / "b").mkdir(parents=True)
    (root / "a.jsonl").write_text('{"id": "1", "text": "x"}\n\n{"id": "2"}\n')
    (root / "b" / "c.docx").touch()
    (root / "d.txt").write_text("Good.")
    (root / "e.csv").write_text("id,text\n1,again\n")
    lone = tmp_path / "lone.txt"
    lone.touch()

    items = [item for item in read_notes([root, lone]) if isinstance(item, Rejected)]

    assert [(item.reason, item.place) for item in items] == [
        (Reason.MISSING_FIELD, Place(1, 1, 3, str(root / "a.jsonl"), "text")),
        (Reason.UNKNOWN_FORMAT, Place(1, 2, None, str(root / "b" / "c.docx"))),
        (Reason.DUPLICATE_ID, Place(1, 4, 2, str(root / "e.csv"))),
        (Reason.EMPTY, Place(2, None, None, str(lone))),
    ]


def test_a_name_that_can_not_be_printed_is_escaped(tmp_path):
    """Not UTF-8, or with a terminal's commands in it."""
    (tmp_path / os.fsdecode(b"M\xfcller.docx")).touch()
    (tmp_path / "a\x1b[2J.docx").touch()

    names = [item.place.name.rpartition("/")[2] for item in read_notes([tmp_path])]

    assert sorted(names) == ["M\\xfcller.docx", "a\\x1b[2J.docx"]


def test_a_link_that_was_named_is_said_to_be_one(tmp_path):
    """As inside a folder; it is not that it can't be read."""
    (tmp_path / "a.txt").write_text("Seen.")
    (tmp_path / "b.txt").symlink_to("a.txt")

    assert sort_out(tmp_path / "b.txt") == ([], {Reason.LINK: 1})
