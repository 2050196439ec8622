"""The console lets in who the kernel knows and the roles allow, by its own pages only."""

import http.client
import json
import re
import socket

import httpx2
import pytest

from appliance.cli.main import run
from appliance.console.asking import ask_token
from appliance.console.doors import DOORS
from appliance.console.guarding import LONGEST_FORM
from appliance.console.serving import serve
from appliance.console.sessions import FAILURES
from appliance.errors import BadInput, Forbidden
from appliance.ledger.proofs import read_bodies
from appliance.records.access import Identity, Verb
from appliance.settings.roles import current_identity
from appliance.workflows.access import allow
from appliance.workflows.site import init, open_site
from tests.lib.running_console import Browsing, running_console
from tests.lib.tiny_corpora import write_tiny_corpus

pytestmark = pytest.mark.slow

LOOKS = [door.path for door in DOORS if not door.changes]
CHANGES = [door.path for door in DOORS if door.changes]


def _filled(path):
    return (
        path.replace("{name}", "first").replace("{file}", "audit.html").replace("{index:int}", "0")
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = init(tmp_path_factory.mktemp("guards") / "site", "air-gapped")
    write_tiny_corpus(site.paths.corpora / "first")
    return site


@pytest.fixture(scope="module")
def listening(site):
    with running_console(site.paths.root) as told:
        yield told


@pytest.fixture
def stranger(listening):
    with Browsing(listening) as browsing:
        yield browsing


@pytest.fixture(scope="module")
def member(listening):
    with Browsing(listening) as browsing:
        yield browsing.log_in()


def _events(site, kind):
    bodies = read_bodies(site.paths.ledger, site.ledger.head().size)
    return [one for one in map(json.loads, bodies) if one["kind"] == kind]


@pytest.mark.parametrize("path", LOOKS)
def test_without_a_session_every_page_leads_to_the_login(stranger, path):
    answer = stranger.http.get(_filled(path))

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", [*CHANGES, "/logout"])
def test_without_a_session_nothing_is_changed(stranger, path):
    answer = stranger.http.post(_filled(path), data={"csrf": "x"})

    assert answer.status_code in {303, 403}
    assert answer.status_code == 403 or path == "/logout"


@pytest.mark.parametrize("path", LOOKS)
def test_every_answer_has_its_headers(member, path):
    """Pages, errors and files; no script or style inline, none from elsewhere, in no frame."""
    answer = member.http.get(_filled(path))

    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    # Nothing that such a policy would have to allow is in the page.
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", answer.text)
    assert not re.search(r"<script(?! src=\"/static/console.js\" defer></script>)", answer.text)


@pytest.mark.parametrize(
    "path", ["/static/console.css", "/static/console.js", "/nowhere", "/livez"]
)
def test_files_and_missing_pages_have_them_too(stranger, path):
    headers = stranger.http.get(path).headers

    assert "content-security-policy" in headers
    assert headers["x-content-type-options"] == "nosniff"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(listening):
    with Browsing(listening) as browsing:
        token = ask_token(listening.socket).token
        cookie = browsing.http.post("/login", data={"token": token}).headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie
    assert "max-age" not in cookie


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:8484", "", "a@127.0.0.1", "[::1"],
)
def test_another_name_for_this_machine_is_refused(member, host):
    """A page elsewhere that rebinds its name to our address gets nothing."""
    answer = member.http.get("/", headers={"host": host})

    assert answer.status_code in {400, 421}
    assert "Signed in" not in answer.text


def test_two_names_are_refused(listening):
    address = listening.address.removeprefix("http://")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"GET /login HTTP/1.1\r\nHost: {address}\r\nHost: evil\r\n\r\n".encode())
        head = raw.recv(4096)

    assert head.split(b" ")[1] in {b"400", b"421"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/corpora/first/review", "/approvals", "/logout", "/login"])
def test_a_form_from_elsewhere_is_refused(member, path, headers):
    """Even with the right cookie and the right words in it."""
    fields = {"csrf": member.csrf(), "token": "x"}

    answer = member.http.post(path, data=fields, headers=headers)

    assert answer.status_code == 403
    assert member.http.get("/").status_code == 200


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("csrf", [None, "", "wrong", "é"])
def test_a_form_without_its_session_is_refused(member, path, csrf):
    answer = member.http.post(_filled(path), data={} if csrf is None else {"csrf": csrf})

    assert answer.status_code in {400, 403}
    assert "another session" in answer.text or "form" in answer.text


def test_the_csrf_of_another_session_is_refused(listening, member):
    with Browsing(listening) as other:
        foreign = other.log_in().csrf()

        assert member.http.post("/approvals", data={"csrf": foreign}).status_code == 403


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"x" * (LONGEST_FORM + 1), "application/x-www-form-urlencoded"),
        (b'{"csrf": 1}', "application/json"),
        (b"csrf=a&csrf=b", "application/x-www-form-urlencoded"),
        (b"csrf=%FF%FE", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(500)), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_refused(member, content, kind):
    answer = member.http.post("/approvals", content=content, headers={"content-type": kind})

    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/", "/ledger", "/livez", "/corpora/first"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_other_methods_are_not_taken(member, path, method):
    assert member.http.request(method, path).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/static/..%2fapplication.py",
        "/static/base.html.j2",
        "/audits/../../keys/ledger.key",
        "/audits/%2e%2e/ledger.key",
        "/audits/..%2f..%2fkeys/audit.html",
        "/audits/audits/audit.html",
        "/audits/first/%2e%2e%2fsite.toml",
        "/corpora/..",
        "/corpora/%2e%2e",
        "/corpora/..%2fkeys",
        "/corpora/%00",
        "/adapters/..%2f..%2fetc",
        "/release?kind=corpus&name=../keys",
        "/release?kind=..&name=keys",
        "/release/statement?kind=corpus&name=%2e%2e",
    ],
)
def test_no_path_leads_out(site, listening, member, path):
    """Sent as it is, without a client that tidies it up."""
    address = listening.address.removeprefix("http://")
    cookie = "; ".join(f"{name}={value}" for name, value in member.http.cookies.items())
    connection = http.client.HTTPConnection(address, timeout=120)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()

    assert answer.status in {400, 403, 404}
    assert b"Traceback" not in body
    for key in site.paths.keys.rglob("*"):
        if key.is_file():
            assert key.read_bytes() not in body
    connection.close()


@pytest.mark.parametrize("value", ["-1", "x", "1e9", "9" * 400, "\N{ARABIC-INDIC DIGIT ONE}"])
def test_numbers_that_are_none_are_told(member, value):
    assert member.http.get("/ledger", params={"below": value}).status_code == 400
    assert member.http.get("/corpora/first/review", params={"page": value}).status_code == 400
    assert member.http.get(f"/ledger/{value}").status_code in {400, 404, 500}


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>"])
def test_what_is_asked_for_is_never_markup(member, words):
    """Names in addresses and in errors come back escaped, or not at all."""
    for answer in (
        member.http.get("/ledger", params={"kind": words}),
        member.http.get("/release", params={"kind": "corpus", "name": words}),
        member.http.get(f"/corpora/{words.replace('/', '%2F')}"),
        member.http.get(f"/adapters/{words.replace('/', '%2F')}"),
        member.send("/approvals", {"request": words, "reason": "why"}),
        member.send("/corpora/first/review", {"digest": words, "page": words}),
        member.send("/release", {"kind": words, "name": words, "signed": words}),
    ):
        assert words not in answer.text
        assert "<img" not in answer.text
        assert "<script>" not in answer.text


def test_a_token_is_good_once_and_on_record(site, listening):
    """And who signs out needs another."""
    token = ask_token(listening.socket).token
    with Browsing(listening) as one, Browsing(listening) as two:
        assert one.http.post("/login", data={"token": token}).status_code == 303
        assert two.http.post("/login", data={"token": token}).status_code == 403
        assert one.http.get("/").status_code == 200
        assert one.send("/logout", {}).headers["location"] == "/login"
        assert one.http.get("/").status_code == 303

    who = current_identity()
    facts = {"uid": who.uid, "user": who.user}
    assert _events(site, "console.signed-in")[-1]["facts"] == facts
    assert _events(site, "console.signed-out")[-1]["facts"] == facts
    log = (site.paths.ledger / "entries.log").read_text()
    assert token not in log


def test_an_old_cookie_opens_nothing_after_signing_out(listening):
    """It is the server that forgets, not the browser."""
    with Browsing(listening) as browsing:
        browsing.log_in()
        kept = dict(browsing.http.cookies)
        browsing.send("/logout", {})
        browsing.http.cookies.update(kept)

        assert browsing.http.get("/").status_code == 303


def test_tokens_are_given_out_at_the_socket_only(stranger):
    """Where the kernel says who asks: a browser's port says nothing of that."""
    answer = stranger.http.post("/token")

    assert answer.status_code == 403
    assert "socket only" in answer.json()["problem"]


def test_a_page_elsewhere_gets_no_token(listening):
    transport = httpx2.HTTPTransport(uds=str(listening.socket))
    with httpx2.Client(transport=transport, base_url="http://localhost") as client:
        answer = client.post("/token", headers={"origin": "http://evil.example"})

    assert answer.status_code == 403


def test_the_socket_is_for_its_owner_only(listening):
    assert listening.socket.stat().st_mode & 0o777 == 0o600


def test_the_command_prints_a_token(site, listening, capsys):
    """On stdout it alone; with --json where to use it too."""
    words = ["console", "token", "--site", str(site.paths.root)]

    assert run(words) == 0
    out, err = capsys.readouterr()
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert len(out.split()) == 1
    assert listening.address in err
    assert told["address"] == listening.address
    with Browsing(listening) as browsing:
        assert browsing.http.post("/login", data={"token": out.strip()}).status_code == 303


def test_without_a_console_the_command_says_how_to_start_one(tmp_path, capsys):
    site = init(tmp_path / "site", "air-gapped")

    assert run(["console", "token", "--site", str(site.paths.root)]) == 2

    assert "appliance console serve" in capsys.readouterr().err


@pytest.mark.usefixtures("listening")
def test_a_site_has_one_console(site):
    with pytest.raises(BadInput, match="Another console"):
        serve(site.paths.root, lambda _: None, port=0)


def test_guessing_ends_in_a_pause(tmp_path):
    """429 with the time to wait, for who guesses alone; the ledger has one entry of it."""
    site = init(tmp_path / "site", "air-gapped")
    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        codes = [
            browsing.http.post("/login", data={"token": f"guess-{n}"}).status_code
            for n in range(FAILURES + 2)
        ]
        last = browsing.http.post("/login", data={"token": "guess"})
        good = browsing.http.post("/login", data={"token": ask_token(told.socket).token})

    assert codes == [403] * FAILURES + [429] * 2
    assert (last.status_code, last.headers["retry-after"]) == (429, "60")
    assert good.status_code == 303
    [refused] = _events(site, "console.refused")
    assert refused["facts"] == {"why": "token", "count": 1}


def test_who_may_not_come_in_fills_no_ledger(tmp_path):
    """Anybody of the machine can reach the socket and ask on and on: one entry, then a wait."""
    site = init(tmp_path / "site", "air-gapped")
    _give_roles(site, "", current_identity().user)
    with running_console(site.paths.root) as told:
        transport = httpx2.HTTPTransport(uds=str(told.socket))
        with httpx2.Client(transport=transport, base_url="http://localhost") as client:
            codes = [client.post("/token").status_code for _ in range(FAILURES + 5)]

    assert codes == [403] * FAILURES + [429] * 5
    [refused] = _events(site, "access.refused")
    assert refused["facts"] == {"verb": "console.open", "uid": current_identity().uid}


@pytest.mark.parametrize("name", ["x" * 5000, "%00", "x" * 200 + "%2e", "%C3%A9" * 300])
def test_a_name_that_no_file_can_have_is_no_bug(member, name):
    for kind in ("corpora", "adapters", "audits"):
        path = f"/{kind}/{name}" + ("/audit.html" if kind == "audits" else "")
        answer = member.http.get(path)

        assert answer.status_code in {400, 404}
        assert "A bug" not in answer.text
    for query in (f"kind=corpus&name={name}", f"kind=adapter&name={name}"):
        assert member.http.get(f"/release?{query}").status_code in {400, 403}


def _give_roles(site, duty, user):
    path = site.paths.policies / "roles.toml"
    text = path.read_text().replace('mode = "owner"', 'mode = "roles"')
    for one in ("installer", "operator", "researcher", "auditor", "privacy-officer"):
        named = f'["{user}"]' if one == duty else "[]"
        text = re.sub(rf"(\[holders\.{one}\]\nusers = )\[[^\]]*\]", rf"\g<1>{named}", text, count=1)
    path.write_text(text)


def test_roles_say_what_is_seen_and_done(tmp_path):
    """At every request anew: whoever loses a role loses its pages at once."""
    site = init(tmp_path / "site", "air-gapped")
    user = current_identity().user
    _give_roles(site, "auditor", user)
    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        browsing.log_in()
        assert browsing.http.get("/ledger").status_code == 200
        assert browsing.http.get("/corpora/first/review").status_code == 403
        assert ">Ledger</a>" in browsing.http.get("/").text

        _give_roles(site, "researcher", user)
        assert browsing.http.get("/ledger").status_code == 403
        assert browsing.http.get("/traffic").status_code == 403
        assert ">Ledger</a>" not in browsing.http.get("/").text
        assert browsing.send("/approvals", {"request": "r", "reason": "x"}).status_code == 403

        _give_roles(site, "", user)
        assert browsing.http.get("/").status_code == 403
        with pytest.raises(Forbidden):
            ask_token(told.socket)

    refused = [
        one["facts"]["verb"] for one in _events(open_site(site.paths.root), "access.refused")
    ]
    assert {"console.ledger", "console.traffic", "console.open", "access.approve"} <= set(refused)


def test_a_broken_policy_shuts_the_console(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        browsing.log_in()
        (site.paths.policies / "roles.toml").write_text("version = 2")

        answer = browsing.http.get("/")

    assert answer.status_code == 400
    assert "roles.toml" in answer.text
    assert "Signed in" not in answer.text


def test_another_persons_request_is_approved_in_ones_own_name(tmp_path):
    """As `access approve` does; one's own can't be."""
    site = init(tmp_path / "site", "air-gapped")
    me = current_identity()
    _give_roles(site, "privacy-officer", me.user)
    other = Identity(me.uid + 1, "somebody")
    path = site.paths.policies / "roles.toml"
    text = path.read_text().replace(
        "[holders.researcher]\nusers = []", '[holders.researcher]\nusers = ["somebody"]'
    )
    path.write_text(text)
    site = open_site(site.paths.root)
    with pytest.raises(Forbidden):
        allow(site, Verb.EXPORT_TEXT, "f out brat", other)
    request = _events(site, "access.asked")[-1]["facts"]["request"]

    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        browsing.log_in()
        assert request in browsing.http.get("/approvals").text
        answer = browsing.send("/approvals", {"request": request, "reason": "Registry study"})
        again = browsing.http.get("/approvals").text

    assert answer.status_code == 303
    approved = _events(site, "access.approved")[-1]["facts"]
    assert (approved["request"], approved["uid"], approved["reason"]) == (
        request,
        me.uid,
        "registry-study",
    )
    assert "Approve it, once" not in again


def test_no_answer_is_kept_by_a_browser_or_holds_an_unescaped_error(member):
    """What went wrong is said as the command line says it; never a trace."""
    answer = member.http.get("/adapters/none-such")

    assert answer.status_code == 400
    assert "There is no adapter" in answer.text
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text


def test_the_pages_work_without_the_vault(tmp_path):
    """No page needs a file of it: the service does without, as its unit says."""
    site = init(tmp_path / "site", "air-gapped")
    write_tiny_corpus(site.paths.corpora / "first")
    site.paths.vault.rename(tmp_path / "elsewhere")
    looks = [path for path in LOOKS if path.count("/") == 1 and path != "/release"]
    with running_console(site.paths.root) as told, Browsing(told) as browsing:
        browsing.log_in()
        codes = {path: browsing.http.get(_filled(path)).status_code for path in looks}

    assert set(codes.values()) == {200}, codes
    assert not site.paths.vault.exists()


def _certificates(folder):
    """An authority of this test's, a server's certificate and a client's, as PEM files."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def name_of(who):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])

    def issue(who, issuer, signing_key, *extensions):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(who))
            .issuer_name(name_of(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        made = builder.sign(signing_key or key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        (folder / f"{who}.pem").write_bytes(made.public_bytes(pem))
        (folder / f"{who}.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return key

    folder.mkdir()
    authority = issue("ca", "ca", None, (x509.BasicConstraints(ca=True, path_length=0), True))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    issue("server", "ca", authority, (names, False))
    issue("client", "ca", authority)
    issue("stranger", "stranger", None)
    return folder


def test_by_mutual_tls_only_known_browsers_come_in(tmp_path):
    """A certificate of the site's authority first, then a token as ever; the cookie is Secure."""
    import ssl

    pem = _certificates(tmp_path / "pem")
    site = init(tmp_path / "site", "air-gapped")
    text = site.paths.settings.read_text()
    for key, file in (
        ("certificate", "server.pem"),
        ("key", "server.key"),
        ("client_ca", "ca.pem"),
    ):
        text = re.sub(rf'(?<=\n){key} = ""', f'{key} = "{pem / file}"', text)
    site.paths.settings.write_text(text)

    def context(who):
        made = ssl.create_default_context(cafile=str(pem / "ca.pem"))
        if who:
            made.load_cert_chain(pem / f"{who}.pem", pem / f"{who}.key")
        return made

    with running_console(site.paths.root) as told:
        assert told.address.startswith("https://127.0.0.1:")
        for who in ("", "stranger"):
            with (
                Browsing(told, verify=context(who)) as shut_out,
                pytest.raises(httpx2.TransportError),
            ):
                shut_out.http.get("/login")
        with Browsing(told, verify=context("client")) as browsing:
            token = ask_token(told.socket).token
            answer = browsing.http.post("/login", data={"token": token})
            assert "__Host-appliance-console=" in answer.headers["set-cookie"]
            assert "Secure" in answer.headers["set-cookie"]
            assert "strict-transport-security" in answer.headers
            assert browsing.http.get("/").status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        'address = "0.0.0.0"',
        'address = "localhost"',
        'certificate = "/x"',
        'address = "10.0.0.1"\ncertificate = "/x"\nkey = "/x"',
        'name = "a b"',
    ],
)
def test_beyond_loopback_it_takes_certificates(tmp_path, lines):
    """A setting that would open the page to the network is refused when it is read."""
    site = init(tmp_path / "site", "air-gapped")
    text = site.paths.settings.read_text().partition("[console]")
    rest = text[2].partition("[learning]")
    site.paths.settings.write_text(f"{text[0]}[console]\n{lines}\n[learning]{rest[2]}")

    with pytest.raises(BadInput, match="console"):
        open_site(site.paths.root)


def test_certificates_that_are_none_are_told(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    text = site.paths.settings.read_text()
    for key in ("certificate", "key", "client_ca"):
        text = re.sub(rf'(?<=\n){key} = ""', f'{key} = "{tmp_path / "none"}"', text)
    site.paths.settings.write_text(text)

    with pytest.raises(BadInput, match="can't be used"), running_console(site.paths.root):
        pass
