"""The report of an audit: what it holds, what signs it, and how a browser shows it."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput, IntegrityError, ManifestMismatch
from appliance.ledger import files as ledger_files
from appliance.workflows.audit import (
    ENTRY,
    HTML,
    JSON,
    PDF,
    PROOF,
    SIGNATURE,
    audit,
)
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.audit_reports import verify_report
from appliance.workflows.ledger import consistency, head
from tests.lib.audited_site import make_audited_site, narrow_gate
from tests.lib.browser import opened
from tests.lib.house import REPOSITORY

pytestmark = pytest.mark.slow

SECTIONS = ["summary", "attacks", "hipaa", "harbor", "others", "untested", "trend", "proof"]


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A site that was audited twice, and both reports."""
    root = tmp_path_factory.mktemp("audited")
    site = make_audited_site(root / "site")
    order = AuditOrder(payloads=220)
    done = [audit(site.paths.root, root / name, order, open_gate=narrow_gate) for name in "ab"]
    return site, *done


def test_everything_is_in_one_directory_and_on_record(audited):
    site, _, second = audited

    names = {path.name for path in second.directory.iterdir()}
    assert names == {JSON, HTML, PDF, SIGNATURE, ENTRY, PROOF}
    assert all(path.stat().st_mode & 0o077 == 0 for path in second.directory.iterdir())
    document = verify_report(site.paths.root, second.directory)
    assert document["verdict"] == second.report.verdict.value
    assert [one["attack"] for one in document["results"]] == [
        result.attack for result in second.report.results
    ]
    began = consistency(site.paths.root, second.report.entries)
    assert began.first_root.hex() == second.report.root == document["root"]
    assert (second.directory / PDF).read_bytes().startswith(b"%PDF-")


def test_an_auditor_checks_it_without_the_appliance(audited):
    """The signature with the report's key, the entry with the ledger's."""
    site, _, second = audited
    program = [sys.executable, "-I", str(REPOSITORY / "deploy/verify_ledger.py")]
    where = second.directory
    ledger_key = head(site.paths.root).verifier_key

    def ask(*words):
        return subprocess.run([*program, *words], capture_output=True, text=True, check=False)

    signed = ask(second.verifier_key, "note", str(where / SIGNATURE))
    proved = ask(ledger_key, "proof", str(where / ENTRY), str(where / PROOF))

    assert (signed.returncode, proved.returncode) == (0, 0), signed.stdout + proved.stdout
    facts = json.loads((where / ENTRY).read_text())["facts"]
    assert facts["key"] == second.verifier_key
    assert f"sha256 {facts['json']} {JSON}" in signed.stdout
    assert f"sha256 {facts['html']} {HTML}" in signed.stdout


@pytest.mark.parametrize("name", [JSON, HTML, PDF])
def test_a_report_that_was_altered_is_refused(audited, tmp_path, name):
    site, first, _ = audited
    for path in first.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"pass", b"fail") + b" ")

    with pytest.raises(ManifestMismatch):
        verify_report(site.paths.root, tmp_path)


def test_a_report_that_is_signed_by_nobody_or_not_on_record_is_refused(audited, tmp_path):
    site, first, _ = audited
    with pytest.raises(BadInput):
        verify_report(site.paths.root, tmp_path)
    for path in first.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / SIGNATURE).write_bytes(
        (tmp_path / SIGNATURE).read_bytes().replace(b"\nverdict", b"\nVerdict")
    )
    with pytest.raises(IntegrityError, match="signature"):
        verify_report(site.paths.root, tmp_path)

    twin = make_audited_site(tmp_path / "twin", notes=4, examples=2)
    for name in ("ledger.key", "clearance.key"):
        (twin.paths.keys / name).write_bytes((site.paths.keys / name).read_bytes())
    with pytest.raises(IntegrityError, match="no event"):
        verify_report(twin.paths.root, first.directory)


def test_the_second_audit_stands_beside_the_first(audited):
    _, first, second = audited

    assert first.report.trend == ()
    assert second.report.before == first.report.made_at
    assert {one.attack for one in second.report.trend} == {
        one.attack for one in first.report.results
    }
    evaluated = [
        next(line.standing.value for line in one.report.hipaa if line.rule == "164.308(a)(8)")
        for one in (first, second)
    ]
    assert evaluated == ["not tested", "pass"]


def test_the_page_says_how_much_was_looked_at_and_what_was_not(audited):
    """In the first minute: a pass with three attacks that were not made reads as one."""
    _, _, second = audited
    page = (second.directory / HTML).read_text(encoding="utf-8")
    summary = page[page.index('id="summary"') : page.index('id="attacks"')]

    idle = [one.attack for one in second.report.results if one.standing.value == "not tested"]
    assert "membership" in idle
    assert f"nothing here to try it on: {', '.join(idle)}" in summary
    assert second.report.asked["identifiers sent against the gate"] == 220
    assert "identifiers sent against the gate" in page


def test_nothing_in_it_points_outside(audited):
    """One file; what the browser could fetch is not there at all."""
    _, _, second = audited
    page = (second.directory / HTML).read_text(encoding="utf-8")

    assert "<script" not in page
    assert not re.findall(r"""(?:src|srcset|action|data)=["']""", page)
    links = re.findall(r"""\bhref=["']([^"']*)""", page)
    assert links
    assert all(link.startswith("#") for link in links)
    assert not re.findall(r"url\((?!#)", page)
    assert b"/URI" not in (second.directory / PDF).read_bytes()
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_a_browser_shows_it_without_a_complaint_or_a_request(audited, tmp_path):
    """Every section has its heading, the keyboard gets in, figures have names, contrast holds."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    _, _, second = audited
    with opened(second.directory / HTML, tmp_path) as browser:
        assert browser.get_log("browser") == []
        asked = browser.execute_script("return performance.getEntriesByType('resource').length")
        assert asked == 0
        sections = browser.find_elements(By.TAG_NAME, "section")
        assert [one.get_attribute("id") for one in sections] == SECTIONS
        for section in sections:
            title = section.find_element(By.TAG_NAME, "h2")
            assert section.get_attribute("aria-labelledby") == title.get_attribute("id")
        levels = [
            int(one.tag_name[1]) for one in browser.find_elements(By.CSS_SELECTOR, "h1,h2,h3,h4")
        ]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for drawing in browser.find_elements(By.CSS_SELECTOR, "figure svg"):
            assert drawing.get_attribute("aria-label")
            assert drawing.size["width"] > 200
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        first = browser.switch_to.active_element
        assert first.get_attribute("href").endswith("#summary")
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(wide) <= 0
        browser.set_window_size(400, 900)
        assert browser.execute_script(wide) <= 0
        assert browser.execute_script(_LEAST_CONTRAST) >= 4.5


# WCAG 2.2, 1.4.3: of every piece of text with what is behind it.
_LEAST_CONTRAST = """
const part = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
const read = s => s.match(/[0-9.]+/g).map(Number);
let least = 21;
for (const e of document.querySelectorAll('p, li, th, td, h1, h2, h3, a, span, figcaption, code')) {
  let back = e, colour = [255, 255, 255];
  while (back) {
    const c = read(getComputedStyle(back).backgroundColor);
    if (c.length === 3 || c[3] > 0) { colour = c; break; }
    back = back.parentElement;
  }
  const [a, b] = [light(read(getComputedStyle(e).color)), light(colour)];
  least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
}
return least;
"""


def test_the_command_tells_monitoring_by_its_exit_code(tmp_path, capsys):
    """The whole gate, at the command line: a clean site, then one with a weakened policy."""
    site = make_audited_site(tmp_path / "site", notes=24, examples=6)
    words = ["audit", "run", "--site", str(site.paths.root), "--payloads", "1000"]
    assert run(["audit", "plant", "--count", "2", "--site", str(site.paths.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"count": 2, "total": 2}

    drop = ["--drop", str(tmp_path / "drop")]
    # As under the service's UMask=.
    umask = os.umask(0o077)
    try:
        assert run([*words, "--out", str(tmp_path / "one"), *drop, "--json"]) == 0
    finally:
        os.umask(umask)
    told = json.loads(capsys.readouterr().out)
    assert told["report"]["verdict"] == "pass"
    harbor = {row["letter"]: row["stopped"] for row in told["report"]["harbor"]}
    assert len(harbor) == 18
    assert all(row["value"] == 1.0 for row in harbor.values())
    assert (tmp_path / "drop").stat().st_mode & 0o777 == 0o755
    [dropped] = (tmp_path / "drop").iterdir()
    assert dropped.name.endswith("-pass")
    assert dropped.stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in dropped.iterdir())
    for place in (tmp_path / "one", dropped):
        assert run(["audit", "verify", str(place), "--site", str(site.paths.root)]) == 0
    assert run([*words, "--out", str(tmp_path / "one")]) == 2
    # Such an audit is what a release asks for.
    asking = ["release", "ask", "corpus", "first", "--site", str(site.paths.root)]
    assert run(asking) == 0

    phi = site.paths.policies / "phi.toml"
    phi.write_text(phi.read_text().replace("PERSON = 0.40", "PERSON = 0.90"))
    before = (site.paths.ledger / ledger_files.ENTRIES).read_bytes()
    capsys.readouterr()
    assert run([*words, "--dry-run"]) == 3
    out, _ = capsys.readouterr()
    assert "safeguards.SITE005" in out
    assert (
        b'"audit.completed"'
        not in (site.paths.ledger / ledger_files.ENTRIES).read_bytes()[len(before) :]
    )
