"""An upgrade takes no gateway down: its way out is asked for before anything is switched."""

import pytest

from offline import machine
from offline.egress import EXAMPLE, check_way_out
from offline.refusal import Refused
from offline.releases import Prefix
from offline.steps import Wish, check, install
from tests.lib.bundles import make_bundle, make_supplier
from tests.lib.house import REPOSITORY

SHIPPED = REPOSITORY / EXAMPLE
FILLED = SHIPPED.read_text().replace("PROVIDER=0.0.0.0", 'PROVIDER="203.0.113.10"')


@pytest.fixture
def units(tmp_path):
    """Of a site whose gateway is enabled; no systemd runs here."""
    wants = tmp_path / "units/appliance.target.wants"
    wants.mkdir(parents=True)
    (wants / "appliance-gateway.service").symlink_to("/etc/systemd/system/no-such.service")
    return tmp_path / "units"


@pytest.fixture
def settings(tmp_path):
    return tmp_path / "etc/egress.env"


def refused(units, settings):
    with pytest.raises(Refused) as refusal:
        check_way_out(SHIPPED, units, settings)
    assert refusal.value.exit_code == 2
    return str(refusal.value)


def write(settings, text):
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(text)


def test_a_gateway_in_use_without_its_file_is_not_upgraded(units, settings):
    """The file is named, and what it can be made from."""
    said = refused(units, settings)

    assert str(settings) in said
    assert str(SHIPPED) in said


def test_a_gateway_whose_file_is_filled_in_is_upgraded(units, settings):
    write(settings, FILLED)

    check_way_out(SHIPPED, units, settings)


def test_the_example_as_it_is_would_shut_the_provider_out(units, settings):
    write(settings, SHIPPED.read_text())

    assert "PROVIDER" in refused(units, settings)


@pytest.mark.parametrize("name", ["PROVIDER", "PORT", "RESOLVER", "HOSTS"])
def test_a_file_that_lacks_what_the_rules_ask_for_is_refused(units, settings, name):
    """The rules would not load; a comment gives nothing."""
    write(settings, FILLED.replace(f"\n{name}=", f"\n#{name}="))

    assert f"has no {name}" in refused(units, settings)


def test_where_no_gateway_is_in_use_nothing_is_asked_for(tmp_path, settings):
    (tmp_path / "none").mkdir()

    check_way_out(SHIPPED, tmp_path / "none", settings)


def test_a_gateway_that_runs_and_is_not_enabled_is_in_use(tmp_path, settings, monkeypatch):
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\necho active\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "has_systemd", lambda: True)
    (tmp_path / "none").mkdir()

    assert "in use" in refused(tmp_path / "none", settings)


def test_who_has_other_rules_needs_no_file(units, settings):
    """By a drop-in of the rules' unit; one of the gateway's can take no Requires= back."""
    other = SHIPPED.with_name("egress-by-other-rules.conf").read_text()
    for unit, text in (("gateway", "[Unit]\nRequires=\n"), ("egress", other)):
        assert refused(units, settings)
        drop_in = units / f"appliance-{unit}.service.d/own.conf"
        drop_in.parent.mkdir()
        drop_in.write_text(text)

    check_way_out(SHIPPED, units, settings)


@pytest.mark.parametrize("act", [check, install])
def test_it_is_asked_for_before_anything_is_written(tmp_path, units, settings, act):
    """By a dry run too, and not where the units are left alone."""
    supplier = make_supplier(tmp_path / "supplier")
    bundle = make_bundle(tmp_path / "bundle", supplier)
    prefix = Prefix(tmp_path / "prefix")
    wish = {"prefix": prefix, "bundle": bundle, "signers": supplier.signers, "units": units}

    with pytest.raises(Refused, match="in use"):
        act(Wish(**wish, egress=settings, with_services=True), str)

    assert not prefix.root.exists()
    check(Wish(**wish, egress=settings), str)
