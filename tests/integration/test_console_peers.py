"""A cookie opens the console only for the user whose session it is."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from appliance.console.asking import ask_token
from appliance.workflows.site import init
from tests.lib.running_console import Browsing, running_console

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

NOBODY = 65534
ASK = """
import encodings.idna, http.client, os, sys
connection = http.client.HTTPConnection(sys.argv[2], timeout=120)
os.seteuid(int(sys.argv[1]))  # whose a socket is, is settled when it is made
connection.connect()
os.seteuid(0)
connection.request(sys.argv[3], sys.argv[4], sys.argv[5] or None, {
    "Cookie": sys.argv[6], "Content-Type": "application/x-www-form-urlencoded",
})
answer = connection.getresponse()
print(answer.status, answer.getheader("location"), "another user" in answer.read().decode())
"""


@pytest.fixture
def listening(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    with running_console(site.paths.root) as told:
        yield told


def _ask(uid, listening, method, path, body="", cookie=""):
    """The answer to a process of that user: status, where to, whether it says why."""
    place = urlsplit(listening.address).netloc
    words = [str(uid), place, method, path, body, cookie]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASK, *words], capture_output=True, text=True, check=True
    )
    status, to, says_why = done.stdout.split()
    return int(status), to, says_why == "True"


def test_a_cookie_that_another_user_got_hold_of_opens_nothing(listening):
    with Browsing(listening) as browsing:
        browsing.log_in()
        [cookie] = [f"{one.name}={one.value}" for one in browsing.http.cookies.jar]

        assert _ask(0, listening, "GET", "/approvals", cookie=cookie)[0] == 200
        assert _ask(NOBODY, listening, "GET", "/approvals", cookie=cookie)[:2] == (303, "/login")
        assert _ask(NOBODY, listening, "POST", "/logout", "csrf=x", cookie)[:2] == (303, "/login")
        assert browsing.http.get("/approvals").status_code == 200


def test_a_token_signs_in_its_own_user_only(listening):
    token = ask_token(listening.socket).token

    status, _, says_why = _ask(NOBODY, listening, "POST", "/login", f"token={token}")

    assert (status, says_why) == (403, True)
