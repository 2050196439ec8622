"""Every page of the console in a real browser: what it shows, what it takes, and no note on it."""

import json
import re
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from appliance.artifacts.manifest import read_manifest
from appliance.console.asking import ask_token
from appliance.console.doors import DOORS, MENU
from appliance.learning.adapters import read_adapter
from appliance.records.identifiers import DraftId
from appliance.records.prompts import Completion, Route
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.journal.lock import run_lock
from appliance.synthesis.journal.store import Journal
from appliance.workflows.approvers import make_key
from appliance.workflows.audit import audit
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.release import POLICY
from appliance.workflows.site import open_site
from tests.lib.audited_site import hospital_of, make_audited_site, narrow_gate
from tests.lib.browser import opened
from tests.lib.running_console import running_console
from tests.lib.tiny_corpora import make_card, make_examples

pytestmark = pytest.mark.slow

PLACES = {"name": "first", "index:int": "0"}
# Contrast as WCAG 2.2, 1.4.3, has it, of every element with words of its own.
PALE = """
const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const parse = text => text.match(/[\\d.]+/g).map(Number);
const ground = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
return [...document.body.querySelectorAll("*")].filter(e =>
  [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
).map(e => {
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
  return [e.tagName, e.textContent.trim().slice(0, 40), (a + .05) / (b + .05)];
}).filter(found => found[2] < 4.5);
"""
UNNAMED = """
return [...document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")]
  .filter(e => !(e.labels && e.labels.length) && !e.getAttribute("aria-label"))
  .map(e => e.outerHTML);
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Notes, a corpus, an adapter with an evaluation, an audit, a run, and approvers."""
    root = tmp_path_factory.mktemp("console")
    site = make_audited_site(root / "site")
    digest = read_adapter(site.paths.adapters / "reader")[1]
    site.ledger.record(
        "adapter.evaluated",
        {
            "name": "reader",
            "adapter_digest": digest,
            "gold_digest": "a" * 64,
            "documents": 12,
            "f1": 0.571,
            "ci_low": 0.54,
            "ci_high": 0.598,
        },
    )
    path = site.paths.policies / POLICY
    keys = {name: make_key(name, root / f"{name}.key") for name in ("ada", "ben")}
    lines = [f'{name} = "{key}"\n' for name, key in keys.items()]
    path.write_text(path.read_text() + "".join(lines))
    examples = make_examples()
    written = write_corpus(
        site.paths.corpora / "tiny", make_card("tiny", "disease", examples), examples
    )
    site.ledger.record("corpus.written", {"corpus": "tiny", "digest": written})
    site.ledger.record("egress.denied", {"request": "chatcmpl-1", "caller": "t", "rule": "stale"})
    with Journal.open(site.paths.journal / "going.db") as journal:
        journal.intend((f"k-{n}", DraftId(f"d-{n}")) for n in range(8))
    audit(site.paths.root, None, AuditOrder(payloads=220), open_gate=narrow_gate)
    return open_site(root / "site")


@pytest.fixture(scope="module")
def listening(site):
    with running_console(site.paths.root) as told:
        yield told


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    return tmp_path_factory.mktemp("shots")


@pytest.fixture(scope="module")
def browser(listening, shots):
    """Signed in by pasting the token into the page."""
    with opened(f"{listening.address}/", shots) as browser:
        assert urlsplit(browser.current_url).path == "/login"
        _check_accessible(browser)
        _shoot(browser, shots, "login")
        _find(browser, "[name=token]").send_keys(ask_token(listening.socket).token)
        _press(browser, "main button")
        assert _find(browser, "h1").text == "Status"
        yield browser


def _wait_for(browser, words):
    """The page has come to hold these words; it may be drawn anew meanwhile."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 120, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda it: words in _find(it, "main").text
    )


def _press(browser, selector):
    """A button that sends its form was pressed, and the page it stood on is gone."""
    _leave(browser, _find(browser, selector).click)


def _leave(browser, act):
    """What leads to another page was done, and the page of before is gone."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.expected_conditions import staleness_of
    from selenium.webdriver.support.ui import WebDriverWait

    before = _find(browser, "html")
    act()
    # While one page takes the other's place, Chromium's words for a stale element vary.
    WebDriverWait(browser, 120, ignored_exceptions=[WebDriverException]).until(staleness_of(before))


def _find(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector)


def _all(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_elements(By.CSS_SELECTOR, selector)


def _shoot(browser, shots, name):
    browser.save_screenshot(str(shots / f"{name.strip('/').replace('/', '-') or 'status'}.png"))


def _check_accessible(browser):
    """A language, one first heading, none skipped, named fields, contrast, heads of tables."""
    assert browser.execute_script("return document.documentElement.lang") == "en"
    levels = [int(one.tag_name[1]) for one in _all(browser, "h1, h2, h3, h4")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert browser.execute_script(UNNAMED) == []
    assert browser.execute_script(PALE) == []
    assert all(one.get_attribute("scope") for one in _all(browser, "th"))
    assert len(_all(browser, "table")) == len(_all(browser, "table:has(th)"))


def _address(listening, site, path):
    [report] = [one.parent for one in site.paths.reports.glob("*/audit.sig")]
    path = path.replace("/adapters/{name}", "/adapters/reader")
    path = path.replace("/audits/{name}/{file}", f"/audits/{report.name}/audit.html")
    for name, value in PLACES.items():
        path = path.replace(f"{{{name}}}", value)
    if path.startswith("/release"):
        path += "?kind=adapter&name=reader"
    return listening.address + path


SHOWN = [door.path for door in DOORS if not door.changes and door.path != "/release/statement"]
SAID = {
    "/": ("air-gapped", "newest audit", "console.ledger"),
    "/runs": ("synthesize", "going", "0 of 8 answers"),
    "/corpora": ("first", "tiny", "disease"),
    "/corpora/{name}": ("Card", "scripted@000000000000", "Review its examples"),
    "/corpora/{name}/review": ("Example 1", "Leave open", "Make a corpus"),
    "/adapters": ("reader", "strict F1 57.1 (54.0 to 59.8)"),
    "/adapters/{name}": ("Evaluations", "12", "Card"),
    "/traffic": ("not running", "egress.denied", "stale"),
    "/audits": ("audit-", "JSON"),
    "/audits/{name}/{file}": ("Privacy audit",),
    "/approvals": ("Requests that wait", "Ask for a release"),
    "/release": ("That did not work",),
    "/ledger": ("egress.denied", "audit.completed", "Look for"),
    "/ledger/{index:int}": ("site.initialised", "c2sp.org/tlog-proof@v1"),
}


@pytest.mark.parametrize("path", SHOWN)
def test_a_page_shows_what_is_there(browser, listening, site, shots, path):
    """In headless Chromium, without a complaint of the browser's, for eyes, ears and keys."""
    browser.get(_address(listening, site, path))
    _shoot(browser, shots, path)

    body = _find(browser, "body").text
    for words in SAID[path]:
        assert words in body, words
    log = [one for one in browser.get_log("browser") if "status of 40" not in one["message"]]
    assert log == []
    if path != "/audits/{name}/{file}":
        _check_accessible(browser)


@pytest.mark.parametrize("path", ["/", "/ledger"])
def test_on_a_narrow_window_a_table_scrolls_in_its_own_box(browser, listening, site, path):
    """At 420 px nothing hangs over the page's edge, and no column of words is a letter wide."""
    metrics = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.get(_address(listening, site, path))
        hangs_over = browser.execute_script(
            "const root = document.documentElement; return root.scrollWidth - root.clientWidth"
        )
        widths = [one.size["width"] for one in _all(browser, "td.long")]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert hangs_over == 0
    assert all(width >= 256 for width in widths)
    assert widths or path != "/ledger"


@pytest.mark.parametrize("path", SHOWN)
def test_no_page_holds_a_patients_words(browser, listening, site, path):
    """No name of a patient, and no eight words in a row of any note."""
    browser.get(_address(listening, site, path))

    source = browser.page_source
    words = re.findall(r"\w+", re.sub(r"<[^>]*>", " ", source).lower())
    runs = {tuple(words[at : at + 8]) for at in range(len(words) - 7)}
    hospital = hospital_of()
    assert hospital.notes
    for note in hospital.notes:
        own = re.findall(r"\w+", note.text.lower())
        assert not runs & {tuple(own[at : at + 8]) for at in range(len(own) - 7)}
    for patient in hospital.patients:
        for identifier in patient.identifiers:
            assert identifier.value not in source or len(identifier.value) < 6


def test_the_menu_leads_everywhere_by_keyboard(browser, listening):
    """The first stop skips the menu; then come its entries in order."""
    from selenium.webdriver.common.keys import Keys

    browser.get(listening.address)
    names = []
    for _ in range(len(MENU) + 1):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        names.append(browser.switch_to.active_element.text)

    assert names == ["To the content", *(link.text for _, link in MENU)]
    last = browser.switch_to.active_element
    _leave(browser, lambda: last.send_keys(Keys.ENTER))
    assert urlsplit(browser.current_url).path == MENU[-1][1].href
    assert _find(browser, "[aria-current=page]").text == "Ledger"


def test_progress_moves_while_one_looks_on(browser, listening, site):
    """Drawn again by the page's one script; nothing is loaded from anywhere else."""
    path = site.paths.journal / "going.db"
    browser.get(f"{listening.address}/runs")
    _wait_for(browser, "0 of 8 answers")

    with run_lock(path), Journal.open(path) as journal:
        done = Completion(DraftId("d-0"), Route.VLLM, "m", "Invented.", "stop", 1, 1)
        journal.finish([("k-0", done)])
        _wait_for(browser, "1 of 8")
        _wait_for(browser, "running")

    # In one step: the script may draw it anew between finding and asking.
    assert browser.execute_script("return document.querySelector('progress').value") == 1
    loaded = browser.execute_script("return performance.getEntries().map(e => e.name)")
    assert all(
        urlsplit(one).netloc == urlsplit(listening.address).netloc
        for one in loaded
        if urlsplit(one).scheme.startswith("http")
    )


def test_decisions_make_a_corpus_in_the_name_of_who_made_them(browser, listening, site, shots):
    """Over two pages; what was rejected is gone, what was left open stays."""
    _, before = read_corpus(site.paths.corpora / "tiny")
    browser.get(f"{listening.address}/corpora/tiny/review")
    first = _all(browser, "fieldset")
    assert len(first) == 20
    _find(browser, "fieldset:nth-of-type(1) input[value=reject]").click()
    _find(browser, "fieldset:nth-of-type(2) input[value=accept]").click()
    _press(browser, "button[value=next]")
    _wait_for(browser, "2 of 22 are decided")
    _find(browser, "fieldset:nth-of-type(2) input[value=reject]").click()
    _press(browser, "button[value=stay]")
    _wait_for(browser, "3 of 22 are decided")
    _shoot(browser, shots, "reviewed")

    _find(browser, "[name=out]").send_keys("kept")
    _press(browser, "form[action$=revise] button")

    assert _find(browser, "h1").text == "Corpus kept"
    card, after = read_corpus(site.paths.corpora / "kept")
    assert len(after) == 20
    assert {one.example_id for one in before} - {one.example_id for one in after} == {
        before[0].example_id,
        before[21].example_id,
    }
    assert card.parent.startswith("tiny@")
    last = [
        json.loads(line.split(" ", 1)[1])
        for line in (site.paths.ledger / "entries.log").read_text().splitlines()
        if '"kind":"corpus.revised"' in line
    ][-1]
    assert last["facts"]["by"]
    assert last["facts"]["digest"] == read_manifest(site.paths.corpora / "kept", "corpus").digest


def test_markup_in_a_corpus_is_words(browser, listening, site):
    """Names, texts and labels come from files that others may write."""
    from dataclasses import replace

    evil = '<script>document.title="taken"</script><img src=x onerror="document.title=1">'
    examples = [replace(one, text=evil + one.text, spans=()) for one in make_examples()[:2]]
    card = make_card("evil", evil, examples)
    card = replace(card, vocabulary_source=evil, models={evil: 2}, entities={evil: 2})
    write_corpus(site.paths.corpora / "evil", card, examples)

    for path in ("/corpora", "/corpora/evil", "/corpora/evil/review"):
        browser.get(listening.address + path)
        assert browser.title.endswith("appliance")
        assert _all(browser, "main img, main script") == []
        assert "onerror" in _find(browser, "main").text


def test_a_report_is_shown_shut_in(browser, listening, site):
    """Even were there a script in it, it could not run or read the session."""
    browser.get(_address(listening, site, "/audits/{name}/{file}"))

    assert browser.execute_script("return origin") == "null"
    assert _all(browser, "script") == []
    assert _find(browser, "h1").is_displayed()


def test_a_report_that_was_changed_is_not_shown(browser, listening, site):
    [path] = site.paths.reports.glob("*/audit.html")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"</body>", b"<p>All good.</p></body>"))
    try:
        browser.get(f"{listening.address}/audits")
        assert (
            "not good: audit.html is not the file that was signed." in _find(browser, "main").text
        )
        browser.get(_address(listening, site, "/audits/{name}/{file}"))
        assert "All good" not in browser.page_source
    finally:
        path.write_bytes(content)


def test_signing_out_ends_it(listening, tmp_path):
    with opened(f"{listening.address}/", tmp_path) as browser:
        _find(browser, "[name=token]").send_keys(ask_token(listening.socket).token)
        _press(browser, "main button")
        _press(browser, ".who button")
        assert urlsplit(browser.current_url).path == "/login"
        browser.get(f"{listening.address}/ledger")
        assert urlsplit(browser.current_url).path == "/login"
