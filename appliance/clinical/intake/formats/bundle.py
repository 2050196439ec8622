"""What the entries of a FHIR Bundle say of each other: whose a document is, where its words are.

R4, bundle.html#references: a reference is resolved by `fullUrl`, be it a URL or a `urn:uuid:`; one
that is relative, on the server of the entry it stands in. Nothing outside the file is reached for.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final, Self

from appliance.clinical.intake.fields import MAX_ID_CHARACTERS
from appliance.clinical.intake.formats.json_stream import Elements, parse_object
from appliance.clinical.intake.formats.resources import (
    TYPE,
    at,
    is_text,
    list_at,
    text_at,
    without_version,
)
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.clinical.intake.seen import Places

ENTRIES: Final = "entry"
"""The key of a Bundle's array."""

URN: Final = "urn:uuid:"
"""How a name begins that only its Bundle knows."""

_PATIENT: Final = "Patient"
_BINARY: Final = "Binary"
# An entry without these bytes is none that is pointed at, and need not be parsed to know it.
_HINTS: Final = tuple(f'"{kind}"'.encode() for kind in (_PATIENT, _BINARY))
_WEB: Final = ("http://", "https://")
# Many can point at one entry: by reference so many times what the file has may be read.
_MAX_TIMES: Final = 10
_FREE_BYTES: Final = 1_000_000_000
_KEPT: Final = 64
_MAX_URL: Final = 2_000


class Bundle:
    """The entries of a Bundle by reference; a context manager.

    They are looked for once, when the first is asked for. In memory are the patients asked for
    last; where an entry stands is kept as `Places` does, whatever the size of the file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._open = ExitStack()
        self._places: Places | None = None
        self._failed: Exception | None = None
        self._left = 0
        self._patients: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def patient(self, reference: str) -> str | None:
        """By which id the hospital knows the patient: a server's, else its number of type MR.

        Args:
            reference: A `urn:uuid:` or URL.

        Returns:
            None where no entry has that name alone, or it is no patient.

        Raises:
            Refusal: The entry can't be read, entries are pointed at too often, or the id is longer
                than one can be.
        """
        if len(reference) > (_MAX_URL if reference.startswith(_WEB) else MAX_ID_CHARACTERS):
            return None
        if reference not in self._patients:
            found = self._read(reference)
            identity = _identity(found, reference) if found else None
            if identity and len(identity) > MAX_ID_CHARACTERS:
                raise Refusal(Reason.MALFORMED)
            while len(self._patients) >= _KEPT:
                del self._patients[next(iter(self._patients))]
            self._patients[reference] = identity
        return self._patients[reference]

    def binary(self, reference: str, full_url: str) -> Mapping[str, object] | None:
        """The Binary of that name.

        Args:
            reference: A `urn:uuid:`, a URL, or "Binary/ID".
            full_url: Of the entry in which that stands; "" where it has none.

        Raises:
            Refusal: As for `patient`.
        """
        if full_url.startswith(_WEB) and not reference.startswith((*_WEB, URN)):
            server = full_url.rpartition("/")[0].rpartition("/")[0]
            reference = f"{server}/{reference}"
        found = self._read(reference)
        return found if found is not None and found.get(TYPE) == _BINARY else None

    def _read(self, name: str) -> dict[str, object] | None:
        """The resource of the entry of that name, if it is of a kind that is pointed at."""
        place = self._known().find(name)
        if place is None:
            return None
        start, size = place
        self._left -= size
        if self._left < 0:
            raise Refusal(Reason.TOO_COSTLY)
        with self._elsewhere(start):
            content = self._file.read(size)
        resource = parse_object(content).get("resource")
        return resource if isinstance(resource, dict) else None

    def _known(self) -> Places:
        # A second look would fail as the first one did, and cost as much.
        if self._failed is not None:
            raise self._failed.with_traceback(None)
        if self._places is None:
            try:
                self._places = self._looked_up()
            except Exception as error:
                self._open.close()
                self._failed = error
                raise
        return self._places

    def _looked_up(self) -> Places:
        places = self._open.enter_context(Places())
        with self._elsewhere(0):
            for name, start, size in _names(self._file):
                places.put(name, start, size)
            self._left = max(_FREE_BYTES, _MAX_TIMES * self._file.tell())
        return places

    @contextmanager
    def _elsewhere(self, start: int) -> Iterator[None]:
        """The file is read from there on, and afterwards from where it was before."""
        before = self._file.tell()
        self._file.seek(start)
        try:
            yield
        finally:
            self._file.seek(before)


def _names(file: IO[bytes]) -> Iterator[tuple[str, int, int]]:
    """Every name of an entry that can be pointed at, and its place."""
    elements = Elements(file, ENTRIES)
    for element in elements:
        if isinstance(element, Refusal) or not any(hint in element for hint in _HINTS):
            continue
        try:
            entry = parse_object(element)
        except Refusal:
            # It is told of where the entries are read one by one.
            continue
        kind, own = at(entry, "resource", TYPE), at(entry, "resource", "id")
        if kind not in {_PATIENT, _BINARY}:
            continue
        if full_url := without_version(text_at(entry, "fullUrl")):
            yield full_url, elements.start, len(element)
        # What is on a server is known by its name there: two servers may number theirs alike.
        is_on_server = full_url.startswith(_WEB)
        if kind == _BINARY and is_text(own) and full_url != f"{kind}/{own}" and not is_on_server:
            yield f"{kind}/{own}", elements.start, len(element)


def _identity(resource: Mapping[str, object], reference: str) -> str | None:
    if resource.get(TYPE) != _PATIENT:
        return None
    own = text_at(resource, "id")
    temporary = reference.removeprefix(URN) if reference.startswith(URN) else ""
    if own and own != temporary:
        return own
    # Of no other type: two people may share the number of a policy.
    numbers = [
        text_at(one, "value")
        for one in list_at(resource, "identifier")
        if _is_hospitals(one) and at(one, "use") != "old"
    ]
    return next(filter(None, [*numbers, own]), None)


def _is_hospitals(identifier: Any) -> bool:
    """Whether it is the patient's number in the hospital, as CX.5 has it in HL7 v2 (table 0203)."""
    return any(at(one, "code") == "MR" for one in list_at(identifier, "type", "coding"))


@dataclass(frozen=True, slots=True)
class Around:
    """Where a resource stands: in an entry of a Bundle, or on its own.

    Attributes:
        bundle: None where it stands on its own.
        full_url: What the Bundle calls it; "" where it has no name.
    """

    bundle: Bundle | None = None
    full_url: str = field(default="", repr=False)

    def patient(self, reference: str) -> str | None:
        """By which id the hospital knows the patient; None where no entry tells."""
        return None if self.bundle is None else self.bundle.patient(without_version(reference))

    def binary(self, reference: str) -> Mapping[str, object] | None:
        """The Binary to which an attachment points; None where it is elsewhere."""
        if self.bundle is None or not reference:
            return None
        return self.bundle.binary(without_version(reference), self.full_url)


ALONE: Final = Around()
"""No other resource is known."""
