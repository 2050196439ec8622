"""What FHIR, HL7 v2 and C-CDA say in ways of their own."""

import base64
import io
import json

import pytest

from appliance.clinical.intake.formats.hl7v2 import Separators, unescape
from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.markup import text_of_html
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Reason, Refusal
from tests.lib.exports import Exported, ccda, diagnostic_report, document_reference, mdm, oru, pdf

NOTE = Exported()
USUAL = Separators("|", "^", "~", "\\", "&")


def read(suffix, content, reading=None):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    entries = FORMATS[suffix](io.BytesIO(content), Origin(f"x/a{suffix}", reading or Reading()))
    return [entry.reason if isinstance(entry, Refusal) else entry for _, entry in entries]


def resource(**changes):
    return {**document_reference(NOTE), **changes}


def attachment(kind, content):
    data = base64.b64encode(content).decode()
    return [{"attachment": {"contentType": kind, "data": data}}]


def test_two_systems_that_number_their_documents_alike_keep_their_own():
    """By the sender, unless the number says whose it is; a message's number is no document's."""
    radiology = mdm(NOTE)
    pathology = radiology.replace(b"|EHR|SITE|", b"|LAB|SITE|", 1)
    named = [one.replace(b"|17|", b"|17^ARCHIVE|") for one in (radiology, pathology)]
    unnumbered = radiology.replace(b"|17|", b"||").replace(b"|c-1|", b"|17|")
    contents = (radiology, pathology, *named, unnumbered)

    ids = [read(".hl7", content)[0].source_id for content in contents]

    assert ids[2] == ids[3]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("numbers", "patient"),
    [
        (b"77^^^SSA^SS~5007^^^HOSP^MR", "5007"),
        (b"77^^^SSA^SS~5007", "77"),
        (b"5007", "5007"),
        (b"^^^HOSP^MR~9", "9"),
    ],
)
def test_of_a_patients_numbers_the_hospitals_own_counts(numbers, patient):
    """By it the registry knows the patient, and an erasure finds the note."""
    content = mdm(NOTE).replace(f"{NOTE.patient}^^^SITE^MR".encode(), numbers)

    assert read(".hl7", content)[0].patient_source_id == patient


def test_a_mark_of_byte_order_is_no_part_of_a_message():
    assert read(".hl7", b"\xef\xbb\xbf" + mdm(NOTE)) == read(".hl7", mdm(NOTE))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "entered-in-error"}, Reason.WITHDRAWN),
        ({"resourceType": "Observation"}, Reason.NO_NOTE),
        ({"content": [{"attachment": {"url": "Binary/1"}}]}, Reason.NOT_INLINE),
        ({"content": []}, Reason.MISSING_FIELD),
        ({"content": "Zebedee"}, Reason.MISSING_FIELD),
        ({"id": None}, Reason.MISSING_FIELD),
        ({"id": 5}, Reason.MISSING_FIELD),
        ({"content": attachment("application/msword", b"x")}, Reason.UNKNOWN_FORMAT),
        ({"content": attachment("text/plain", b"Andr\xe9")}, Reason.NOT_UTF8),
        ({"content": attachment("text/plain; charset=utf-7", b"x")}, Reason.UNKNOWN_ENCODING),
        ({"content": attachment("text/plain; charset=us-ascii", b"\xe9")}, Reason.WRONG_ENCODING),
        ({"content": attachment("application/pdf", b"%PDF-1.4 x")}, Reason.MALFORMED),
        (
            {"content": [{"attachment": {"contentType": "text/plain", "data": "?"}}]},
            Reason.MALFORMED,
        ),
        ({"date": "Zebedee was here"}, Reason.BAD_DATE),
    ],
)
def test_a_resource_that_holds_no_note_for_us_is_refused_with_its_reason(changes, reason):
    """One by one, on a line or as a whole file."""
    assert read(".ndjson", resource(**changes)) == [reason]
    assert read(".json", resource(**changes)) == [reason]


def test_of_several_formats_the_one_that_loses_least_is_read():
    """Plain text before a page before a scan, wherever it stands."""
    content = [
        *attachment("application/pdf", b"%PDF-broken"),
        *attachment("text/html; charset=iso-8859-1", "<p>Ménière</p>".encode("latin-1")),
    ]

    [page] = read(".ndjson", resource(content=content))
    [plain] = read(".ndjson", resource(content=[*content, *attachment("text/plain", b"Plain.")]))

    assert (page.text, page.encoding) == ("Ménière", "iso8859-1")
    assert plain.text == "Plain."


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain; charset=utf-8", b"Andr\xe9"),
        ("text/plain", b" \r\n"),
        ("text/plain", b"F\x00e\x00v\x00e\x00r\x00"),
        ("text/html", b"<p> </p>"),
        ("text/xml", b"<rtf/>"),
        ("application/rtf", b"{\\rtf1 Fever.}"),
        ("text/plain", b"{\\rtf1 Fever.}"),
        (None, b"Fever."),
    ],
)
def test_a_format_that_cannot_be_read_hides_no_other(kind, content):
    """As records send one document four times: the first that can be read is the note."""
    page = attachment("text/html", b"<p>Fever.</p>")
    scan = attachment("application/pdf", pdf(Exported(text="Fever.")))
    bad = attachment(kind, content)

    for content_ in ([*bad, *page], [*page, *bad], [*bad, *scan], [*bad, *bad, *scan, *bad]):
        [note] = read(".ndjson", resource(content=content_))
        assert note.text == "Fever."


def test_broken_base64_beside_a_good_attachment_costs_nothing():
    """Nor does it where the good one is the lesser; a report has its attachments elsewhere."""
    broken = {"contentType": "text/plain", "data": "?"}
    [good] = attachment("text/html", b"<p>Fever.</p>")
    report = {**diagnostic_report(NOTE), "presentedForm": [broken, good["attachment"]]}

    [note] = read(".ndjson", resource(content=[{"attachment": broken}, good]))
    [reported] = read(".ndjson", report)

    assert note.text == reported.text == "Fever."


def test_where_no_format_can_be_read_the_best_says_why():
    """And the conclusion of a report does not stand for what is in it and can't be read."""
    rtf = attachment("application/rtf", b"{\\rtf1 Fever.}")
    broken = attachment("application/pdf", b"%PDF-broken")
    elsewhere = [{"attachment": {"contentType": "text/plain", "url": "Binary/1"}}]
    forms = [one["attachment"] for one in (*rtf, *broken)]
    report = {**diagnostic_report(NOTE), "presentedForm": forms, "conclusion": "Normal."}

    assert read(".ndjson", resource(content=[*rtf, *broken])) == [Reason.MALFORMED]
    assert read(".ndjson", resource(content=[*rtf, *elsewhere])) == [Reason.RICH_TEXT]
    assert read(".ndjson", report) == [Reason.MALFORMED]


def test_a_document_may_cost_too_much_once(monkeypatch):
    """Not once for each of a thousand attachments."""
    asked = []

    def costly(content):
        asked.append(content)
        raise Refusal(Reason.TOO_COSTLY)

    monkeypatch.setattr("appliance.clinical.intake.formats.attachments.text_of_pdf", costly)

    found = read(".ndjson", resource(content=attachment("application/pdf", b"%PDF-") * 3))

    assert (found, len(asked)) == ([Reason.TOO_COSTLY], 1)


def test_attachments_of_every_kind_are_read():
    """A clinical document and a PDF inside a resource."""
    [inner] = read(".ndjson", resource(content=attachment("text/xml", ccda(NOTE))))
    [scan] = read(".ndjson", resource(content=attachment("application/pdf", pdf(NOTE))))

    assert inner.text == scan.text == NOTE.text
    assert scan.encoding == "pdf"


def test_a_report_without_an_attachment_is_its_conclusion():
    """As small hospitals send it."""
    report = diagnostic_report(NOTE) | {"presentedForm": [], "conclusion": "Normal."}

    [note] = read(".json", report)

    assert note.text == "Normal."


def test_a_bundle_costs_one_entry_for_one_bad_entry():
    """The others are read; each refused one has its number and its reason."""
    entries = [
        {"resource": resource(id="1")},
        {"resource": "Zebedee"},
        {"request": {"method": "DELETE"}},
        {"resource": resource(id="2", status="entered-in-error")},
        {"resource": resource(id="3")},
    ]
    bundle = {"entry": entries, "resourceType": "Bundle", "meta": {"entry": [{"x": 1}]}}

    first, *refused, last = read(".json", bundle)

    assert (first.source_id, last.source_id) == ("DocumentReference/1", "DocumentReference/3")
    assert refused == [Reason.NO_NOTE, Reason.NO_NOTE, Reason.WITHDRAWN]


def test_a_bundle_that_was_cut_keeps_what_came_before():
    """And says that something is missing."""
    bundle = json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource()}] * 3})

    first, second, broken = read(".json", bundle[: int(len(bundle) * 0.9)].encode())

    assert first == second
    assert broken == Reason.MALFORMED


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"\H\loud\N\ quiet", "loud quiet"),
        (r"one\.br\two\.sp2\three", "one\ntwo\nthree"),
        (r"\X0D0A\x", "\n\nx"),
        (r"\XZZ\ \Q\ \C2842\ lone \ here", r"\XZZ\ \Q\ \C2842\ lone \ here"),
    ],
)
def test_escapes_of_hl7_are_resolved_and_unknown_ones_stay(escaped, plain):
    """Nothing of what was written is lost."""
    assert unescape(escaped, USUAL) == plain


def test_a_message_may_be_cut_by_other_characters():
    """MSH says which."""
    content = mdm(Exported(text="Plain words.")).decode()
    for usual, other in (("|", "!"), ("^", "@"), ("~", "*"), ("\\", "/"), ("&", "+")):
        content = content.replace(usual, other)

    [note] = read(".hl7", content.encode())

    assert (note.text, note.patient_source_id) == ("Plain words.", "pat-1")


def test_line_feeds_frames_and_batches_make_no_difference():
    """As files of messages come."""
    plain = mdm(NOTE)
    batch = b"FHS|^~\\&\rBHS|^~\\&\r" + plain + oru(NOTE) + b"BTS|2\rFTS|1\r"

    assert read(".hl7", plain.replace(b"\r", b"\r\n")) == read(".hl7", plain)
    assert len(read(".hl7", batch)) == 2
    assert Reason.MALFORMED not in read(".hl7", batch)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("MDM^T02^MDM_T02", "ADT^A01", Reason.NO_NOTE),
        ("AU||AV", "AU||CA", Reason.WITHDRAWN),
        ("MDM^T02^MDM_T02", "MDM^T11", Reason.WITHDRAWN),
        ("TXA|", "TXX|", Reason.MISSING_FIELD),
        ("UNICODE UTF-8", "JAS2020", Reason.UNKNOWN_ENCODING),
        ("UNICODE UTF-8", "ASCII~8859/1", Reason.UNKNOWN_ENCODING),
        ("MSH|^~\\&", "MSH||||", Reason.MALFORMED),
        ("|TX|||", "|NM|||", Reason.EMPTY),
        ("MSH|", "Zebedee", Reason.MALFORMED),
    ],
)
def test_a_message_without_a_note_is_refused_with_its_reason(old, new, reason):
    """And the one after it is read."""
    broken = mdm(NOTE).decode().replace(old, new).encode()

    first, second = read(".hl7", broken + oru(NOTE))

    assert first == reason
    assert second.text == NOTE.text


@pytest.mark.parametrize("status", ["W", "D"])
def test_a_result_that_is_all_taken_back_is_no_note(status):
    """Not even a remark that is left of it."""
    whole = oru(NOTE).strip(b"\x0b\x1c\r")
    void = whole.replace(b"||||||F", b"||||||" + status.encode()) + b"\rNTE|1||Posted wrongly.\r"

    assert read(".hl7", void) == [Reason.WITHDRAWN]


def test_the_character_set_of_a_message_counts():
    """MSH-18, for every byte of it."""
    text = "Größe: ø"
    content = mdm(Exported(text=text)).decode().replace("UNICODE UTF-8", "8859/1")

    [note] = read(".hl7", content.encode("latin-1"))

    assert (note.text, note.encoding) == (text, "iso8859-1")


def test_what_is_mistaken_for_latin_is_read_as_the_operator_says():
    """Quotes and the euro sign of windows-1252 stand where ISO 8859 has control characters."""
    text = "“Größe” – 5 €"
    content = mdm(Exported(text=text)).decode().replace("UNICODE UTF-8", "8859/1").encode("cp1252")
    plain = mdm(Exported(text="Größe")).decode().replace("UNICODE UTF-8", "8859/1")

    [note] = read(".hl7", content, Reading("cp1252"))
    [latin] = read(".hl7", plain.encode("latin-1"), Reading("cp1252"))

    assert read(".hl7", content) == [Reason.WRONG_ENCODING]
    assert (note.text, note.encoding) == (text, "cp1252")
    assert (latin.text, latin.encoding) == ("Größe", "iso8859-1")


def test_each_order_of_a_result_is_a_note_and_numbers_are_none():
    """Two reports and a blood count in one message; a deleted line stays out."""
    message = oru(NOTE).strip(b"\x0b\x1c\r").decode()
    message += "\rOBR|2||18|CBC\rOBX|1|NM|HB||14\rOBR|3||19|ECG^ECG\rOBX|1|TX|A||Sinus.||||||F"
    message += "\rOBX|2|TX|A||Another patient's.||||||W\rNTE|1||Checked."

    first, count, third = read(".hl7", message.encode())

    assert first.text == NOTE.text
    assert count == Reason.NO_NOTE
    assert third.text == "Sinus.\nChecked."
    assert first.source_id != third.source_id


def test_a_document_in_a_message_is_decoded():
    """OBX of type ED, as scanners and dictation systems send it."""
    data = base64.b64encode(pdf(NOTE)).decode()
    start = mdm(Exported(text="x")).decode().partition("OBX")[0]

    [note] = read(".hl7", f"{start}OBX|1|ED|||^application^PDF^Base64^{data}\r".encode())
    [other] = read(".hl7", f"{start}OBX|1|ED|||^application^RTF^Base64^{data}\r".encode())

    assert (note.text, note.encoding) == (NOTE.text, "pdf")
    assert other == Reason.RICH_TEXT


@pytest.mark.parametrize(
    "field",
    [
        "ED|||^TEXT^RTF^Base64^{data}",
        "ED|||^TEXT^^Base64^{data}",
        "ED|||^TEXT^RTF^A^{escaped}",
        "TX|||{escaped}",
        "FT|||{bare}",
        "TX|||Seen.\rOBX|2|FT|||{escaped}",
    ],
)
def test_rich_text_is_refused_whatever_its_message_calls_it(field):
    """Its commands would be read as words, and its names be found by nobody."""
    bare = r"{\rtf1\ansi\fs20 No fever in Andr\'e9.\par}"
    data, escaped = base64.b64encode(bare.encode()).decode(), bare.replace("\\", "\\E\\")
    start = mdm(NOTE).decode().partition("OBX|")[0]
    obx = field.format(data=data, escaped=escaped, bare=bare)

    assert read(".hl7", f"{start}OBX|1|{obx}\r".encode()) == [Reason.RICH_TEXT]


@pytest.mark.parametrize(
    "before", ["Head\r", "\r", "\f", "\N{ZERO WIDTH SPACE}", "Report: ", '"', "\N{LINE SEPARATOR}"]
)
@pytest.mark.parametrize("header", ["{\\rtf1\\ansi ", "{\\rtf\\ansi "])
def test_rich_text_is_refused_wherever_it_begins(before, header):
    """Texts are put together from parts, and a line may end in many ways."""
    text = f"{before}{header}No fever.}}"

    assert read(".txt", text.encode()) == read(".rtf", text.encode()) == [Reason.RICH_TEXT]


def test_a_brace_makes_no_rich_text():
    """Nor does a backslash."""
    text = "Sent as \\rtf1 by mistake.\n{\\rt} {rtf1}"

    [note] = read(".txt", text.encode())

    assert note.text == text


def test_a_document_of_many_broken_forms_does_not_use_up_what_the_next_may_read():
    """Each is a whole read of a Binary."""
    blank = {"resourceType": "Binary", "id": "7", "contentType": "text/plain"}
    blank["data"] = base64.b64encode(b" " * 1_000_000).decode()
    forms = [{"attachment": {"url": "Binary/7"}} for _ in range(1000)]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": resource(id="1", content=forms)},
            {"resource": resource(id="2", content=attachment("text/plain", b"Fever."))},
            {"resource": resource(id="3", content=[{"attachment": {"url": "Binary/8"}}])},
            {"resource": blank},
            {"resource": {**blank, "id": "8", "data": base64.b64encode(b"Cough.").decode()}},
        ],
    }

    found = read(".json", bundle)

    assert found[0] is Reason.EMPTY
    assert [note.text for note in found[1:3]] == ["Fever.", "Cough."]


def test_a_clinical_document_is_read_section_by_section():
    """Titles, lists and tables as lines; coded entries repeat and are left out."""
    body = (
        "<title>Plan</title><text>See <content>him</content> again.<list><item>Rest</item>"
        "<item>Tea</item></list><table><tbody><tr><td>Hb</td><td>14</td></tr></tbody></table></text>"
        "</section></component><component><section><title>Course</title><text>Fine.</text>"
    )
    content = ccda(NOTE).decode()
    start, _, rest = content.partition("  <text>")
    content = start + body + rest.partition("</text>")[2]

    [note] = read(".xml", content.encode())

    assert note.text == "Plan\nSee him again.\nRest\nTea\nHb\t14\nCourse\nFine."


def test_a_document_without_structure_is_its_attachment():
    """nonXMLBody, as scanned letters are wrapped."""
    start, rest = ccda(NOTE).decode().split("<component><structuredBody>")
    end = rest.partition("</structuredBody>")[2]
    data = base64.b64encode(pdf(NOTE)).decode()

    def wrapped(kind, body):
        text = f'<component><nonXMLBody><text mediaType="{kind}" representation="B64">{body}</text>'
        return read(".xml", f"{start}{text}</nonXMLBody>{end}".encode())

    [note] = wrapped("application/pdf", data)
    assert note.text == NOTE.text
    assert wrapped("text/xml", base64.b64encode(ccda(NOTE)).decode()) == [Reason.TOO_DEEP]


def test_a_page_becomes_what_its_reader_sees():
    """No script, no style, no head; blocks are lines."""
    page = (
        "<html><head><title>t</title></head><body><h1>Course</h1><p>No&nbsp;<b>fev</b>er.<br/>"
        "Seen.</p><script>alert(1)</script><style>p{}</style></body></html>"
    )

    assert text_of_html(page).replace("\xa0", " ") == "Course\nNo fever.\nSeen."


def test_a_pdf_without_text_or_with_a_lock_says_so():
    """A scan is not an empty note."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(pdf(NOTE))))
    writer.encrypt("secret", algorithm="RC4-128")
    locked = io.BytesIO()
    writer.write(locked)

    assert read(".pdf", locked.getvalue()) == [Reason.LOCKED]
    assert read(".pdf", pdf(Exported(text=""))) == [Reason.NO_TEXT]


@pytest.mark.parametrize("words", ["No sign of\nmalignancy ruled out", "No sign on\nMRI"])
def test_a_line_break_inside_a_field_cuts_no_text_off(words):
    """It is refused: what stands behind it is no segment."""
    content = mdm(NOTE) + f"OBX|9|TX|||{words}\r".encode()

    assert read(".hl7", content) == [Reason.MALFORMED]


def test_a_header_in_bytes_of_several_spoils_no_other_message():
    """Eight bytes are not eight characters."""
    first, second = read(".hl7", b"MSH|\xc3\xa9\xc3\xa9\r" + mdm(NOTE))

    assert first == Reason.MALFORMED
    assert second.text


def test_another_escape_mark_is_itself_and_a_backslash_is_none():
    """MSH-2 says which."""
    by = Separators("|", "^", "~", "%", "&")

    assert unescape(r"100%E% of C:\dir %T% more", by) == r"100% of C:\dir & more"


def test_a_document_that_was_made_in_error_is_withdrawn():
    """The reference is current, what it points to is not."""
    assert read(".ndjson", resource(docStatus="entered-in-error")) == [Reason.WITHDRAWN]


def test_a_place_inside_the_resource_is_no_patient():
    """All documents of an export could say "#pat", of as many patients."""
    assert read(".ndjson", resource(subject={"reference": "#pat"})) == [Reason.MALFORMED]
