"""A site with an invented hospital, a corpus and an adapter, all made the way a site makes them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from appliance.gate.clearance import ClearedPrompt, Stamper
from appliance.gate.detecting import Detector
from appliance.gate.inspection import Gate, GateRules
from appliance.gate.opening import open_checker
from appliance.gate.overlap.detector import NoteOverlap, read_public_texts
from appliance.gate.overlap.fingerprints import FILE
from appliance.gate.patients.index import PatientIndex
from appliance.gate.policy import load_phi_policy
from appliance.gate.spending import SpentFile
from appliance.gate.vocabulary import load_terms
from appliance.invented.hospital import InventedHospital, invent
from appliance.learning.adapters import WEIGHTS, write_adapter
from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest
from appliance.records.progress import Silent
from appliance.records.prompts import Draft, Route
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.keys import Purpose
from appliance.settings.site import PATIENT_INDEX
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.routing.policy import RoutingPolicy
from appliance.workflows.ingest import import_stream
from appliance.workflows.orders import Order, Prepared, prepare
from appliance.workflows.patients import register
from appliance.workflows.site import Site, init
from appliance.workflows.supply import STAMPS
from appliance.workflows.synthesize import Synthesis, synthesize_with
from tests.lib.scripted_backend import ScriptedBackend

NOTES = 48
EXAMPLES = 24


class KeyedGate:
    """Stamps every draft with the site's own key, and inspects nothing.

    For tests of what an audit finds on record; what the gate finds is tested elsewhere.
    """

    def __init__(self, site: Site) -> None:
        seed = site.keys.key(Purpose.CLEARANCE)
        life = timedelta(minutes=15)
        self._stamper = Stamper(seed, site.clock, site.policy_digest, life)

    def clear_many(self, drafts: Sequence[Draft], route: Route) -> list[ClearedPrompt | Verdict]:
        """Each draft, in order, stamped."""
        return [self._stamper.stamp(draft, route) for draft in drafts]

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """Each text, in order, allowed."""
        del only_decide
        return [Verdict(Decision.ALLOW, (), (), "no-hit", Digest("0" * 64)) for _ in texts]


class ScriptedSupply:
    """Hands out scripted backends at the door of the site."""

    model = "scripted@000000000000"

    def __init__(self, site: Site) -> None:
        self._site = site

    def fresh(self) -> Backend:
        """One that checks stamps as the real ones do."""
        site = self._site
        spent = SpentFile(site.paths.journal / STAMPS)
        checker = open_checker(site.keys, site.clock, site.policy_digest, Route.SCRIPTED, spent)
        return ScriptedBackend(checker)


def make_audited_site(root: Path, notes: int = NOTES, examples: int = EXAMPLES) -> Site:
    """Notes, patients, a corpus `first` with its journal, and an adapter `reader` on record."""
    site = init(root, "air-gapped")
    hospital = hospital_of(notes)
    import_stream(site, hospital.notes, Silent())
    register(site, hospital.patients, Silent())
    made = synthesize_scripted(site, Order("disease", examples, "first"))
    write_reader(site, made.digest)
    return site


def synthesize_scripted(site: Site, order: Order) -> Synthesis:
    """The corpus that was ordered, by a scripted model behind the site's own stamps."""
    prepared = prepare(site, order)
    scripted = RoutingPolicy("test", (Route.SCRIPTED,))
    return synthesize_with(
        site,
        KeyedGate(site),
        {Route.SCRIPTED: ScriptedSupply(site)},
        order,
        Prepared(prepared.sheet, prepared.vocabulary, scripted),
        Silent(),
    )


def hospital_of(notes: int = NOTES) -> InventedHospital:
    """The hospital whose notes those are."""
    return invent(notes=notes)


def write_reader(site: Site, corpus: Digest, *, site_only: bool = False) -> None:
    """An adapter that is on record; its weights are no weights."""
    card = AdapterCard(
        name="reader",
        task="disease",
        labels=("O", "B-Disease", "I-Disease"),
        corpus="first",
        corpus_digest=corpus,
        base="tiny",
        base_digest=Digest("0" * 64),
        lora_rank=8,
        lora_alpha=16,
        learning_rate=1e-3,
        epochs=1,
        seed=0,
        max_tokens=64,
        examples=24,
        final_loss=0.1,
        dev_f1=0.5,
        site_only=site_only,
        made_at="2026-11-27T00:00:00+00:00",
    )
    digest = write_adapter(site.paths.adapters / "reader", card, lambda path: _save(path / WEIGHTS))
    facts = {"name": "reader", "adapter_digest": digest, "corpus_digest": corpus}
    site.ledger.record("adapter.trained", facts)


def narrow_gate(site: Site) -> Gate:
    """The gate with the patient index and the note overlap alone: opens in a moment."""
    policies, index = site.paths.policies, site.paths.vault / PATIENT_INDEX
    key = site.keys.key(Purpose.PATIENT_INDEX)
    public = read_public_texts(policies / "labels")
    detectors: list[Detector] = [
        PatientIndex.load(index, key),
        NoteOverlap.load(index.with_name(FILE), key, public),
    ]
    policy = load_phi_policy(policies / "phi.toml")
    rules = GateRules(policy, site.policy_digest, load_terms(policies / "labels"), "")
    seed = site.keys.key(Purpose.CLEARANCE)
    return Gate(rules, detectors, seed, site.clock, site.ledger)


def _save(path: Path) -> None:
    path.write_bytes(b"weights")
