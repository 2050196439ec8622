"""What an audit looks at, gathered from a site: notes for a reason, everything else as it lies."""

import base64
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import MANIFEST, is_finished, read_manifest
from appliance.audits.atrest import CANARY, NAME, SWAPPED
from appliance.audits.needles import Needle, Needles
from appliance.audits.replay import JournalView
from appliance.audits.standing import Product
from appliance.audits.texts import Outgoing
from appliance.audits.written import DRAWN, NUMBER, forms_of, short_number
from appliance.clinical.vault.database import FILE as VAULT
from appliance.errors import ApplianceError
from appliance.learning.adapters import read_adapter
from appliance.records.events import Event
from appliance.records.identifiers import NoteId
from appliance.records.notes import Note, PatientIdentifier, RegisteredPatient
from appliance.settings.keys import FileKeys, Purpose, pseudonym
from appliance.settings.secrets import PROVIDER_KEY
from appliance.settings.site import SitePaths
from appliance.synthesis.curation.corpus import KIND, read_as_it_lies
from appliance.synthesis.journal.reading import JournalRows, read_journal
from appliance.workflows.canaries import derive_canaries
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site

REASON: Final = "audit"
SECRETS: Final = frozenset({"key", "provider key"})
_BATCH: Final = 256
# Kinds that point at one person on their own.
_TELLING: Final = frozenset({"name", "mrn", "phone", "ssn", "email", "health-plan", "account"})
_STRETCH: Final = 60
STRETCHES: Final = 400
"""Most stretches of notes that are searched for."""
_NOTES: Final = 400
_LEAST_FACT: Final = 4
# One found number in so many that nobody has is rarer than any level that is asked for.
_DRAWN_EACH: Final = 5_000
_DRAWN_NUMBERS: Final = 100_000


class SiteNotes:
    """The notes of an open site's vault; the ledger has each batch that is read.

    Args:
        site: The site.
        planted: How many canaries it has: their notes are alike, so none of them is in a sample.
    """

    def __init__(self, site: Site, planted: int = 0) -> None:
        self._site = site
        key = site.keys.key(Purpose.PSEUDONYM)
        self._canaries = {
            f"p-{pseudonym(key, 'patient', canary.source_id)}"
            for canary in derive_canaries(key, planted)
        }

    def count(self) -> int:
        """How many there are."""
        return len(self._ids())

    def sample(self, count: int, seed: int) -> Sequence[Note]:
        """So many notes, drawn at random."""
        ids = self._ids()
        chosen = random.Random(seed).sample(ids, min(count, len(ids)))
        if not chosen:
            return []
        with opened_vault(self._site) as vault:
            found = vault.read_identified(chosen, REASON)
        return [note for note in found if note.patient_id not in self._canaries]

    def stream(self) -> Iterator[Note]:
        """All notes, a batch in memory at a time."""
        ids = self._ids()
        if not ids:
            return
        with opened_vault(self._site) as vault:
            for start in range(0, len(ids), _BATCH):
                yield from vault.read_identified(ids[start : start + _BATCH], REASON)

    def patients(self) -> list[RegisteredPatient]:
        """All registered patients with their identifiers."""
        if not self._is_there():
            return []
        with opened_vault(self._site) as vault:
            return vault.read_patients_identified(REASON)

    def _ids(self) -> list[NoteId]:
        # Opening a vault makes one where there is none, and an audit makes nothing.
        if not self._is_there():
            return []
        with opened_vault(self._site) as vault:
            return vault.note_ids()

    def _is_there(self) -> bool:
        return (self._site.paths.vault / VAULT).exists()


@dataclass(frozen=True, slots=True)
class Outputs:
    """What could leave, and where it came from.

    Attributes:
        products: Corpora and adapters.
        outgoing: Texts of corpora, and answers in journals.
        journals: All of them.
        unread: What could not be read of corpora, one sentence each.
        damaged: Names of journals that can't be read.
    """

    products: tuple[Product, ...]
    outgoing: tuple[Outgoing, ...]
    journals: tuple[JournalView, ...]
    unread: tuple[str, ...]
    damaged: tuple[str, ...]


def gather_outputs(paths: SitePaths) -> Outputs:
    """Corpora, adapters and journals as they lie."""
    products: list[Product] = []
    outgoing: list[Outgoing] = []
    journals: list[JournalView] = []
    unread: list[str] = []
    damaged: list[str] = []
    for directory in _lying_in(paths.corpora):
        products.append(
            Product("corpus", directory.name, partial(_digest, directory, KIND), _strays(directory))
        )
        if not is_finished(directory):
            continue
        try:
            outgoing += _read_outgoing(directory)
        except ApplianceError as error:
            unread.append(error.what)
    products += map(_adapter, _lying_in(paths.adapters))
    # The file of spent stamps lies beside them and begins with a dot.
    for path in sorted(paths.journal.glob("[!.]*.db")):
        try:
            rows = read_journal(path)
        except ApplianceError:
            damaged.append(path.stem)
            continue
        journals.append(_view(path.stem, rows))
        where = f"journal {path.stem}"
        outgoing += [
            Outgoing(where, f"{where}, answer {number}", text)
            for number, text in enumerate(rows.texts)
        ]
    return Outputs(tuple(products), tuple(outgoing), tuple(journals), tuple(unread), tuple(damaged))


def count_planted(events: Sequence[Event]) -> int:
    """How many canaries the ledger says are planted."""
    counts = [event.facts.get("count") for event in events if event.kind == "audit.planted"]
    # A line that was tampered with may hold anything.
    return sum(count for count in counts if isinstance(count, int) and count > 0)


def make_needles(
    site: Site,
    notes: SiteNotes,
    patients: Sequence[RegisteredPatient],
    public: Sequence[str],
    planted: int,
    seed: int,
    known: AbstractSet[str],
) -> Needles:
    """Identifiers of those patients, stretches of some notes, canaries, keys.

    Args:
        site: The site.
        notes: Of its vault.
        patients: Whose identifiers are searched for.
        public: Texts that anybody may know.
        planted: How many canaries there are.
        seed: Of what is drawn.
        known: All values that are registered: nothing that is drawn at random is one of these.
    """
    needles = [
        Needle(item.kind, item.value)
        for patient in patients
        for item in patient.identifiers
        if item.kind in _TELLING
    ]
    numbers = {short_number(one.kind, str(one.value)) for one in needles} - {""}
    needles += [Needle(SWAPPED, name) for name in swap_names(patients, seed)]
    needles += [Needle(NUMBER, number) for number in sorted(numbers)]
    drawn = draw_numbers(numbers, seed)
    needles += [Needle(DRAWN, number) for number in drawn if number not in known]
    sample = notes.sample(_NOTES, seed)
    needles += [Needle("stretch of a note", text) for text in _stretches(sample, public, seed)]
    key = site.keys.key(Purpose.PSEUDONYM)
    canaries = derive_canaries(key, planted)
    needles += [Needle(CANARY, value) for canary in canaries for value in canary.needles()]
    return Needles([*needles, *find_secrets(site.paths)])


def planted_values(site: Site, planted: int) -> list[str]:
    """Names and record numbers of the canaries: what the registry has of them."""
    canaries = derive_canaries(site.keys.key(Purpose.PSEUDONYM), planted)
    return [value for one in canaries for value in (f"{one.given} {one.family}", one.mrn)]


def read_public(labels: Path) -> list[str]:
    """The texts of label sheets and vocabularies, which anybody may know."""
    paths = sorted((*labels.glob("*.toml"), *labels.glob("*.tsv")))
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


def draw_patients(
    patients: Sequence[RegisteredPatient], count: int, seed: int
) -> list[RegisteredPatient]:
    """So many patients, drawn at random."""
    return random.Random(seed).sample(patients, min(count, len(patients)))


def identifiers_of(patients: Sequence[RegisteredPatient]) -> list[PatientIdentifier]:
    """All their identifiers."""
    return [item for patient in patients for item in patient.identifiers]


def draw_numbers(numbers: AbstractSet[str], seed: int) -> list[str]:
    """Numbers that are none of these: for each some that begin alike and are as long.

    The fewer are registered, the more are drawn for each: one that is found says more then.
    """
    rng, drawn = random.Random(seed), set[str]()
    for number in sorted(numbers):
        rest = len(number) - 1
        for _ in range(min(_DRAWN_EACH, max(1, _DRAWN_NUMBERS // len(numbers)))):
            drawn.add(f"{number[0]}{rng.randrange(10**rest):0{rest}}")
    return sorted(drawn - numbers)


def _digest(directory: Path, kind: str) -> str:
    return read_manifest(directory, kind).digest


def _adapter(directory: Path) -> Product:
    check = partial(_digest, directory, "adapter")
    beside = _strays(directory)
    try:
        card, _ = read_adapter(directory)
    except ApplianceError:
        return Product("adapter", directory.name, check, beside)
    return Product("adapter", directory.name, check, beside, card.corpus_digest)


def _lying_in(parent: Path) -> list[Path]:
    """Whatever lies there, finished or not; what a killed run left begins with a dot."""
    return sorted(parent.glob("[!.]*"))


def _strays(directory: Path) -> int:
    """How many files lie in the product that its manifest does not name."""
    try:
        named = {MANIFEST, *json.loads((directory / MANIFEST).read_bytes())["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        # The product is told as one without a good manifest.
        return 0
    lying = (path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir())
    return sum(path.relative_to(directory).as_posix() not in named for path in lying)


def _read_outgoing(directory: Path) -> list[Outgoing]:
    where = f"corpus {directory.name}"
    return [
        Outgoing(
            where,
            example.example_id,
            example.text,
            frozenset(
                surface
                for span in example.spans
                if len(surface := example.text[span.start : span.end].lower()) >= _LEAST_FACT
            ),
        )
        for example in read_as_it_lies(directory)
    ]


def _view(name: str, rows: JournalRows) -> JournalView:
    intents: Mapping[str, str] = rows.intents
    return JournalView(name, intents, rows.answers)


def swap_names(patients: Sequence[RegisteredPatient], seed: int) -> list[str]:
    """Names that nobody registered here has, put together from two patients each."""
    names = [
        item.value for patient in patients for item in patient.identifiers if item.kind == NAME
    ]
    # "Thomas James" is also how a list has James Thomas.
    real, family = {form for name in names for form in _ways(NAME, name)}, list(names)
    random.Random(seed).shuffle(family)
    swapped = [
        f"{given.rsplit(' ', 1)[0]} {other.rsplit(' ', 1)[-1]}"
        for given, other in zip(names, family, strict=True)
        if " " in given and " " in other
    ]
    return [name for name in swapped if real.isdisjoint(_ways(SWAPPED, name))]


def _ways(kind: str, name: str) -> Iterator[str]:
    return (form.text.lower() for form in forms_of(kind, name))


def _stretches(notes: Sequence[Note], public: Sequence[str], seed: int) -> list[str]:
    """Stretches of long lines, drawn from those in one of the notes and in nothing public."""
    found: dict[str, set[str]] = {}
    for note in notes:
        for line in note.text.split("\n"):
            if len(line) >= _STRETCH:
                first = (len(line) - _STRETCH) // 2
                owner = note.patient_id or note.note_id
                found.setdefault(line[first : first + _STRETCH], set()).add(owner)
    own = [
        text
        for text, owners in found.items()
        if len(owners) == 1 and not any(text in one for one in public)
    ]
    return random.Random(seed).sample(own, min(STRETCHES, len(own)))


def find_secrets(paths: SitePaths) -> Iterator[Needle]:
    """The site's keys, raw and as they are usually written, and the secrets that people brought."""
    keys = FileKeys(paths.keys)
    for purpose in Purpose:
        raw = keys.key(purpose)
        for form in (raw, raw.hex(), base64.b64encode(raw).decode()):
            yield Needle("key", form)
    for path in (paths.keys / PROVIDER_KEY, *sorted((paths.keys / "callers").glob("*"))):
        if path.is_file():
            yield Needle("provider key", path.read_text(encoding="ascii", errors="replace").strip())
