"""A synthesis run in a process of its own, to be killed at any moment."""

from multiprocessing.connection import Connection
from pathlib import Path

from appliance.records.progress import Silent
from appliance.records.prompts import Route
from appliance.workflows.orders import Order, prepare
from appliance.workflows.site import open_site
from appliance.workflows.supply import GatewaySupply
from appliance.workflows.synthesize import synthesize_with
from tests.lib.running_gateway import MODEL
from tests.lib.stamping_gate import StampingGate


def make_corpus(root: Path, name: str, count: int, ready: Connection) -> None:
    """The corpus is finished, by way of the gateway; says when it is about to begin."""
    site = open_site(root)
    order = Order("disease", count, name, "chatgpt")
    prepared = prepare(site, order)
    assert prepared.gateway is not None
    gate = StampingGate(site.clock, site.policy_digest)
    supplies = {Route.CHATGPT: GatewaySupply(site, prepared.gateway, MODEL)}
    ready.send("ready")
    synthesize_with(site, gate, supplies, order, prepared, Silent())
