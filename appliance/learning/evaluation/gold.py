"""Gold annotations from CoNLL/IOB2, JSONL and PubTator files, and from folders of brat's.

The texts may be real notes: complaints name lines, never what stands in them.
"""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.reading import read_utf8
from appliance.errors import BadInput
from appliance.learning.evaluation.brat_gold import read_brat
from appliance.learning.evaluation.labels import NO_RENAMES, Renames, Spelling
from appliance.learning.evaluation.pubtator_gold import SUFFIXES, is_pubtator, read_pubtator
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span

_CONLL: Final = frozenset({".tsv", ".conll", ".iob", ".iob2", ".bio"})
_JSONL: Final = frozenset({".jsonl", ".ndjson"})
# As in CoNLL-U; no token and tag look like this.
_COMMENT: Final = re.compile(r"# \w+ = ")
_TAG: Final = re.compile(r"O|[BI]-\S+")
# As a broken JSON escape leaves behind; no tokenizer takes it.
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MEND: Final = "Mend that line."


def read_gold(
    path: Path, labels: Sequence[str], renames: Renames = NO_RENAMES
) -> tuple[GoldDocument, ...]:
    """The documents of a gold file, in its order.

    CoNLL/IOB2: one token per line, the tag in the last column, columns split by TAB (or by
    spaces where there is no TAB), an empty line after each document; the text is the tokens
    joined by single spaces; comments `# key = value` are skipped.
    JSONL: `{"id", "text", "spans": [{"start", "end", "label"}]}`, offsets in code points, end
    exclusive.
    brat: a folder of NAME.txt and NAME.ann, see `read_brat`.
    PubTator: a file that is called so, see `read_pubtator`.

    Args:
        path: The file, whose suffix tells the format, or the folder.
        labels: Entity types of the task. The file's may differ in case, and come out as these.
        renames: What the file's other labels stand for; spans of those for nothing are left out.

    Raises:
        BadInput: Unreadable, an unknown format, malformed, empty, or a label that is none of the
            task's; names the line.
    """
    documents = tuple(_documents(path, Spelling(labels, renames)))
    if not documents:
        raise BadInput(f"{path.name} holds no document.", "Name a file with annotated texts.")
    ids = {document.document_id for document in documents}
    if len(ids) != len(documents):
        raise BadInput(
            f"{path.name} has {len(documents) - len(ids)} document id(s) twice.",
            "Give every document an id of its own.",
        )
    return documents


def _documents(path: Path, spelling: Spelling) -> Iterator[GoldDocument]:
    if path.is_dir():
        return (one.document for one in read_brat(path, spelling))
    text, suffix = read_utf8(path), path.suffix.lower()
    if is_pubtator(path):
        return (one.document for one in read_pubtator(path, text, spelling))
    if suffix not in _CONLL | _JSONL:
        raise BadInput(
            f"{path.name} has no suffix of a gold format.",
            f"Name it {', '.join(sorted({*_CONLL, *_JSONL, *SUFFIXES}))}, or name a folder of "
            "brat's.",
        )
    return (_conll if suffix in _CONLL else _jsonl)(path, text, spelling)


def _conll(path: Path, text: str, spelling: Spelling) -> Iterator[GoldDocument]:
    tokens: list[str] = []
    tags: list[str] = []
    count = 0
    # Not splitlines(): it also splits at characters that can stand inside a token.
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        row = line.rstrip("\r")
        if row.strip():
            if row.startswith("-DOCSTART-") or _COMMENT.match(row):
                continue
            token, tag = _columns(path, number, row)
            tags.append(_tag(path, number, tag, tags[-1] if tags else "O", spelling))
            tokens.append(token)
        elif tokens:
            yield _join(f"{path.stem}:{count}", tokens, tags)
            tokens, tags = [], []
            count += 1


def _columns(path: Path, number: int, row: str) -> tuple[str, str]:
    columns = row.split("\t") if "\t" in row else row.split()
    token, tag = columns[0].strip(), columns[-1].strip()
    if len(columns) < 2 or not token:  # noqa: PLR2004 - a token and a tag
        raise BadInput(f"{path.name}, line {number}: not a token and a tag.", _MEND)
    return token, tag


def _tag(path: Path, number: int, tag: str, before: str, spelling: Spelling) -> str:
    if not _TAG.fullmatch(tag):
        raise BadInput(
            f"{path.name}, line {number}: its last column is not O, B-LABEL or I-LABEL.", _MEND
        )
    if tag == "O":
        return tag
    label = spelling.get(tag[2:])
    if label is None:
        raise _unknown_label(path, number, spelling)
    if not label:
        return "O"
    if tag[0] == "I" and before[2:] != label:
        raise BadInput(
            f"{path.name}, line {number}: an I- tag continues no entity of its label.",
            "Convert the file to IOB2: every entity begins with B-.",
        )
    return f"{tag[0]}-{label}"


def _join(document_id: str, tokens: Sequence[str], tags: Sequence[str]) -> GoldDocument:
    spans: list[Span] = []
    position = 0
    for token, tag in zip(tokens, tags, strict=True):
        end = position + len(token)
        if tag[0] == "B":
            spans.append(Span(position, end, tag[2:]))
        elif tag[0] == "I":
            spans[-1] = Span(spans[-1].start, end, spans[-1].label)
        position = end + 1
    return GoldDocument(document_id, " ".join(tokens), tuple(spans))


def _jsonl(path: Path, text: str, spelling: Spelling) -> Iterator[GoldDocument]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            document_id, body = row["id"], row["text"]
            given = [_span(path, number, item, spelling) for item in row["spans"]]
            spans = sorted(span for span in given if span is not None)
        except (ValueError, KeyError, TypeError):
            raise BadInput(
                f"{path.name}, line {number}: not an object with id, text and spans of start, "
                "end and label.",
                _MEND,
            ) from None
        if not isinstance(document_id, str) or not isinstance(body, str):
            raise BadInput(f"{path.name}, line {number}: id and text must be strings.", _MEND)
        if _LONE_SURROGATE.search(document_id + body):
            raise BadInput(
                f"{path.name}, line {number}: half of a surrogate pair, which is no character.",
                _MEND,
            )
        if spans and max(span.end for span in spans) > len(body):
            raise BadInput(
                f"{path.name}, line {number}: a span ends after its text.",
                "Count offsets in code points of the text.",
            )
        if any(one.end > two.start for one, two in itertools.pairwise(spans)):
            raise BadInput(
                f"{path.name}, line {number}: two spans overlap.", "Keep the outer of the two."
            )
        yield GoldDocument(document_id, body, tuple(spans))


def _span(path: Path, number: int, item: dict[str, Any], spelling: Spelling) -> Span | None:
    label = spelling.get(str(item["label"]))
    if label is None:
        raise _unknown_label(path, number, spelling)
    start, end = item["start"], item["end"]
    if not isinstance(start, int) or not isinstance(end, int):
        raise TypeError
    return Span(start, end, label) if label else None


def _unknown_label(path: Path, number: int, spelling: Spelling) -> BadInput:
    # The label itself is left out: with columns mixed up it would be a word of a note.
    return BadInput(
        f"{path.name}, line {number}: its label is not one of the task's: {spelling}.",
        "Score an adapter of the gold's own task; or say what the gold's labels stand for with "
        "--map GOLD=OURS, and with --map GOLD= which to leave out.",
    )
