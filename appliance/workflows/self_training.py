"""Learning from the site's own notes: adapters label them, a new adapter learns from that too.

The notes are opened in the training worker, labelled there, and are gone with its memory. What
comes of them holds traces of real text: its card says `site_only`. A fifth of the patients teaches
no adapter: an audit needs people whom it never saw, to tell whether it knows the others again.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import list_finished
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.learning.adapters import may_remember_notes, read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.own import Lesson, Own, teach
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.access import Verb
from appliance.records.cards import HeadKind
from appliance.records.identifiers import Digest, NoteId
from appliance.settings.names import check_name
from appliance.settings.site import SitePaths
from appliance.workflows.access import allow
from appliance.workflows.extract import open_worker_vault
from appliance.workflows.ingest import opened_vault
from appliance.workflows.registry import list_digests, refuse_retired
from appliance.workflows.site import Site

_REASON: Final = "self-training"
_BATCH_TOKENS: Final = 8192
KEPT_BACK: Final = 500
"""So many notes that teach nothing are remembered with an adapter, as an audit's control."""
# Of so many patients one teaches nothing.
_PATIENTS: Final = 5


@dataclass(frozen=True, slots=True)
class Teaching:
    """What an operator asks for.

    Attributes:
        teachers: Names of adapters; none where nothing is learned from notes.
        notes: How many notes, at most.
        least: Probability from which a word teaches, 0 to 1.
        reviewed: Name of a review whose decisions teach; "" for none.
    """

    teachers: tuple[str, ...] = ()
    notes: int = 2000
    least: float = 0.8
    reviewed: str = ""


ALONE: Final = Teaching()


@dataclass(frozen=True, slots=True)
class Shares:
    """The notes of a vault, by whether they may teach.

    Attributes:
        teaching: Ids as if drawn by lot, the same every time.
        kept_back: The same, of patients whose notes teach nothing.
    """

    teaching: tuple[NoteId, ...]
    kept_back: tuple[NoteId, ...]


def share_out(vault: Vault) -> Shares:
    """All notes of the vault; those of one patient are on one side."""
    teaching: list[NoteId] = []
    kept_back: list[NoteId] = []
    # Ids are keyed hashes: in their order the notes stand as if drawn by lot.
    for note, patient in sorted(vault.owners().items()):
        (teaching if may_teach(patient or note) else kept_back).append(note)
    return Shares(tuple(teaching), tuple(kept_back))


def may_teach(owner: str) -> bool:
    """Whether notes of this patient, or this note of nobody, may teach: of four in five."""
    return hashlib.sha256(owner.encode()).digest()[0] % _PATIENTS != 0


def forget_learned(site: Site) -> int:
    """What could remember a note is gone: how many adapters that learned from notes.

    One that is half trained too. Whose notes teach nobody is remembered by none: see `may_teach`.
    """
    for pattern in ("train-*.safetensors", ".train-*.part"):
        for path in site.paths.run.glob(pattern):
            path.unlink(missing_ok=True)
    learned = list_learned(site)
    for path in learned:
        shutil.rmtree(path)
    for path in site.paths.adapters.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)
    return len(learned)


def list_learned(site: Site) -> list[Path]:
    """The adapters that `forget_learned` would remove."""
    return [path for path in list_finished(site.paths.adapters) if may_remember_notes(path)]


def prepare_lesson(
    site: Site,
    task: str,
    types: tuple[str, ...],
    teaching: Teaching,
    epsilon: float,
    *,
    dry_run: bool = False,
) -> Lesson | None:
    """The lesson that is asked for; None where no teacher is named.

    Args:
        site: The site.
        task: Name of the label sheet.
        types: Its entity types.
        teaching: What is asked for.
        epsilon: Of differential privacy; 0 without.
        dry_run: Whether nothing will be read.

    Raises:
        BadInput: No such adapter, of another task or kind, retired, no notes, or `--dp` beside it.
        Forbidden: Whoever runs this may not.
    """
    if not teaching.teachers:
        return None
    if epsilon:
        raise BadInput(
            "Differential privacy counts each row of a corpus once; whole notes are not covered.",
            "Leave out --teacher, or --dp and --epsilon.",
        )
    subject = f"{task} {' '.join(teaching.teachers)} {teaching.notes} {teaching.least}"
    allow(site, Verb.LEARN, subject, with_second=not dry_run)
    digests = tuple(_check_teacher(site, task, types, name) for name in teaching.teachers)
    with opened_vault(site) as vault:
        count, source = len(share_out(vault).teaching), vault.digest()
    if not count:
        raise BadInput(
            "There is no note in the vault to learn from; a fifth of the patients never teaches.",
            "Import more notes first.",
        )
    return Lesson(digests, source, min(count, teaching.notes), teaching.least)


def _check_teacher(site: Site, task: str, types: tuple[str, ...], name: str) -> Digest:
    check_name(name, "an adapter", "--teacher")
    card, digest = read_adapter(site.paths.adapters / name)
    require_kind(card, HeadKind.ENTITIES)
    if card.task != task:
        raise BadInput(
            f"Adapter {name!r} was trained for task {card.task!r}, not {task!r}.",
            "Name a teacher of the same task.",
        )
    if entity_types(card.labels) != types:
        raise BadInput(
            f"Adapter {name!r} knows other entity types than the label sheet does now.",
            "Name a teacher that was trained since the sheet was changed.",
        )
    refuse_retired(site, name, digest)
    return digest


def begin_lesson(site: Site, lesson: Lesson) -> dict[str, object]:
    """What `fit_on_notes` needs to know; the read is in the ledger."""
    places = [[str(one) for one in pair] for pair in find_teachers(site.paths, lesson.teachers)]
    site.ledger.record("vault.read", {"count": lesson.notes, "reason": _REASON})
    return {"lesson": asdict(lesson), "teachers": places, "site": str(site.paths.root)}


def fit_on_notes(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """Like `fit`, with notes of the vault that the teachers label in this worker's memory."""
    given: Mapping[str, Any] = config
    lesson = Lesson(**{**given["lesson"], "teachers": tuple(given["lesson"]["teachers"])})
    vault = open_worker_vault(Path(given["site"]))
    try:
        if vault.digest() != lesson.source:
            raise BadInput(
                "Notes were imported or erased since this training began.",
                "Run the same command again.",
            )
        shares = share_out(vault)
        chosen, control = shares.teaching[: lesson.notes], shares.kept_back[:KEPT_BACK]
        stamps = vault.stamps(frozenset({*chosen, *control}))
        texts = [note.text for note in vault.read_identified(chosen, _REASON)]
    finally:
        vault.close()
    device, dtype = str(given["device"]), str(given["dtype"])
    teachers = [
        load_teacher(Path(adapter), Path(base), device, dtype)
        for adapter, base in given["teachers"]
    ]
    labelled = teach(texts, teachers, tuple(given["types"]), lesson.least)
    return fit(config, worker, Own(lesson, labelled, stamps))


def load_teacher(adapter: Path, base: Path, device: str, dtype: str) -> AdapterLabeller:
    """The adapter, ready to say how likely each label of each word is."""
    card, _ = read_adapter(adapter)
    return AdapterLabeller.load(
        adapter,
        base,
        device=device,
        max_tokens=card.max_tokens,
        stride_tokens=card.max_tokens // 4,
        batch_tokens=_BATCH_TOKENS,
        dtype=dtype,
    )


def find_teachers(paths: SitePaths, digests: Sequence[Digest]) -> list[tuple[Path, Path]]:
    """Of each teacher its directory and its base model's.

    Raises:
        BadInput: One is not in the site any more.
    """
    by_digest = {digest: path for path, digest in list_digests(paths.adapters)}
    if not by_digest.keys() >= set(digests):
        raise BadInput("A teacher of this adapter is not here any more.", "Bring it back.")
    found = [by_digest[digest] for digest in digests]
    store = ModelStore(paths.models)
    return [(path, store.resolve(read_adapter(path)[0].base).path) for path in found]
