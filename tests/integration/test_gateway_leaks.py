"""Thousands of requests that carry an identifier: nothing of them reaches the provider."""

import asyncio
import sys
from collections import Counter

import httpx2
import pytest

from appliance.gate.inspection import Gate, GateRules
from appliance.gate.opening import open_gate
from appliance.gate.patients.index import PatientIndex
from appliance.gate.patients.writing import write_index
from appliance.gate.policy import load_phi_policy
from appliance.gate.vocabulary import load_terms
from appliance.ledger.files import ENTRIES
from appliance.settings.keys import Purpose
from tests.lib.phi_payloads import DISGUISES, ENCODINGS, patients, payloads
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import MODEL, make_site, running_gateway


def register(site):
    """The site's gate knows the invented patients."""
    index = site.paths.vault / "patients.index"
    known = [patient.identifiers() for patient in patients()]
    write_index(index, known, site.keys.key(Purpose.PATIENT_INDEX))
    return index


def index_gate(site):
    """The real gate with the patient index as its one detector: no model to load."""
    index = register(site)
    rules = GateRules(
        load_phi_policy(site.paths.policies / "phi.toml"),
        site.policy_digest,
        load_terms(site.paths.labels),
    )
    known = PatientIndex.load(index, site.keys.key(Purpose.PATIENT_INDEX))
    return Gate(rules, [known], site.keys.key(Purpose.CLEARANCE), site.clock, site.ledger)


def knock(gateway, requests, at_once=32):
    """Every request at the gateway's door; the payloads that it let through."""
    through = []

    async def run():
        transport = httpx2.AsyncHTTPTransport(uds=gateway.at)
        waiting = iter(requests)
        async with httpx2.AsyncClient(
            base_url="http://gateway", transport=transport, timeout=600
        ) as client:

            async def worker():
                for payload in waiting:
                    answer = await client.post(
                        "/v1/chat/completions",
                        content=payload.body,
                        headers={"Content-Type": "application/json"},
                    )
                    if answer.status_code == 200:
                        through.append(payload)
                    else:
                        assert answer.status_code in {400, 403}, answer.status_code
                        assert payload.secret not in answer.text

            await asyncio.gather(*(worker() for _ in range(at_once)))

    asyncio.run(run())
    return through


def is_served(gateway):
    """A request without an identifier is answered: the door is not simply shut."""
    messages = [{"role": "user", "content": "Name three symptoms of pneumonia."}]
    return bool(gateway.client().chat.completions.create(model=MODEL, messages=messages).choices)


def test_registered_patients_do_not_pass_in_any_place_or_disguise(tmp_path, caplog, capfd):
    """Hundreds of requests at the real gate with the patient index alone: not one byte leaves.

    Nor is a word of them in the ledger, a metric, a log, an answer or on a terminal.
    """
    caplog.set_level(0)
    with running_provider() as provider:
        site = make_site(tmp_path / "site", provider.origin)
        with running_gateway(site, index_gate(site)) as gateway:
            through = knock(gateway, payloads(len(DISGUISES) * 26, MODEL, DISGUISES))

            assert Counter((one.place, one.disguise, one.kind) for one in through) == {}
            assert sum(map(len, provider.bodies)) == 0
            assert is_served(gateway)
            told = (site.paths.ledger / ENTRIES).read_text()
            told += gateway.http().get("/metrics").text + "".join(capfd.readouterr())
            told += "".join(f"{one.getMessage()} {one.exc_text}" for one in caplog.records)
            for patient in patients():
                for identifier in patient.identifiers():
                    assert identifier.value not in told


@pytest.mark.slow
def test_of_ten_thousand_disguised_identifiers_no_byte_leaves(tmp_path):
    """The site's whole gate, every place, disguise and encoding: the sink counts nought."""
    with running_provider() as provider:
        site = make_site(tmp_path / "site", provider.origin)
        index = register(site)
        gate = open_gate(site.paths.policies, index, site.keys, site.clock, site.ledger)
        with running_gateway(site, gate) as gateway:
            through = knock(gateway, payloads(10_000, MODEL, DISGUISES | ENCODINGS))

            leaked = sum(map(len, provider.bodies))
            assert is_served(gateway)
        sys.stdout.write(f"\n10,000 payloads, {len(through)} let through, {leaked} bytes leaked\n")
        ways = Counter((one.disguise, one.place, one.kind) for one in through)
        assert dict(ways) == {}
        assert leaked == 0
