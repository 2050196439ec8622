"""Release on the console: what people sign, and whose signature is good; no key comes in."""

from urllib.parse import urlencode

import pytest

from appliance.console.doors import DOORS
from appliance.synthesis.curation.corpus import write_corpus
from appliance.workflows.approvers import make_key, sign
from appliance.workflows.release import POLICY
from appliance.workflows.site import init, open_site
from tests.integration.test_release import let_pass
from tests.lib.running_console import Browsing, running_console
from tests.lib.tiny_corpora import make_card, make_examples

pytestmark = pytest.mark.slow

ADDRESS = "/release?" + urlencode({"kind": "corpus", "name": "first"})


@pytest.fixture
def keys(tmp_path):
    return {name: tmp_path / f"{name}.key" for name in ("ada", "ben", "cleo")}


@pytest.fixture
def site(tmp_path, keys):
    """A corpus that a passing audit speaks for; Ada and Ben approve, Cleo does not."""
    made = init(tmp_path / "site", "air-gapped")
    path = made.paths.policies / POLICY
    public = {name: make_key(name, file) for name, file in keys.items()}
    path.write_text(path.read_text() + "".join(f'{n} = "{public[n]}"\n' for n in ("ada", "ben")))
    made = open_site(tmp_path / "site")
    examples = make_examples()
    card = make_card("first", "disease", examples)
    digest = write_corpus(made.paths.corpora / "first", card, examples)
    made.ledger.record("corpus.written", {"corpus": "first", "digest": digest})
    let_pass(made)
    return made


@pytest.fixture
def browsing(site):
    with running_console(site.paths.root) as told, Browsing(told) as one:
        yield one.log_in()


def test_a_statement_is_taken_along_signed_and_checked(browsing, keys, tmp_path):
    """What `release ask` prints is what is saved; signatures count one by one."""
    saved = browsing.http.get(ADDRESS.replace("/release", "/release/statement"))
    path = tmp_path / "statement"
    path.write_bytes(saved.content)
    fields = {"kind": "corpus", "name": "first"}

    said = []
    for name in ("cleo", "ada", "ben"):
        sign(path, keys[name])
        said.append(browsing.send("/release", fields | {"signed": path.read_text()}).text)

    assert saved.headers["content-disposition"] == 'attachment; filename="corpus-first.txt"'
    assert "2 more needed" in said[0]
    assert "1 more needed" in said[1]
    assert "That is enough" in said[2]
    assert "cleo" not in said[2]


def test_a_signature_on_anything_else_does_not_count(browsing, keys, tmp_path):
    path = tmp_path / "statement"
    path.write_bytes(browsing.http.get(ADDRESS.replace("/release", "/release/statement")).content)
    sign(path, keys["ada"])
    changed = path.read_text().replace("corpus first", "corpus other", 1)

    said = browsing.send("/release", {"kind": "corpus", "name": "first", "signed": changed}).text

    assert "2 more needed" in said


def test_without_an_audit_there_is_nothing_to_sign(site, browsing):
    """As the command refuses it."""
    let_pass(site, verdict="fail")

    answer = browsing.http.get(ADDRESS)

    assert answer.status_code == 403
    assert "The newest audit failed." in answer.text


def test_two_keys_are_all_that_it_needs(site, tmp_path, monkeypatch):
    """As its unit has it: these two by credential, and the files of all keys out of reach."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name in ("ledger.key", "pseudonym.key"):
        (site.paths.keys / name).rename(credentials / name)
        (credentials / name).chmod(0o600)
    site.paths.keys.rename(tmp_path / "hidden")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        browsing.log_in()
        plain = [door.path for door in DOORS if not door.changes and "{" not in door.path]
        paths = [one for one in plain if not one.startswith("/release")]
        paths += ["/corpora/first", "/corpora/first/review", "/ledger/0", ADDRESS]
        said = {path: browsing.http.get(path).status_code for path in paths}
        missing = browsing.send("/approvals", {"request": "0" * 24, "reason": "fine"})

    assert set(said.values()) == {200}, said
    assert missing.status_code == 400, missing.text
