"""`appliance gateway serve` as it is typed: the site's own gate, a real process, a signal."""

import json
import signal
import subprocess
import sys

import openai
import pytest

from tests.lib.house import REPOSITORY
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import KEY, MODEL, Handle, make_site

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_answers_and_ends(tmp_path, stop):
    """No key in its arguments or output, no socket left behind, exit code 0."""
    with running_provider() as provider:
        site = make_site(tmp_path / "s", provider.origin)
        command = [sys.executable, "-m", "appliance", "gateway", "serve", "--json"]
        process = subprocess.Popen(
            [*command, "--site", str(site.paths.root)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            listening = json.loads(process.stdout.readline())
            client = Handle(listening["at"]).client()
            ask = client.chat.completions.create
            good = [{"role": "user", "content": "Name three symptoms of pneumonia."}]
            bad = [{"role": "user", "content": "Call Jane Moore, MRN 00912345, (202) 555-0143."}]

            assert ask(model=MODEL, messages=good).choices
            with pytest.raises(openai.PermissionDeniedError):
                ask(model=MODEL, messages=bad)
            client.close()
        finally:
            process.send_signal(stop)
            out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert not (site.paths.run / "gateway.sock").exists()
    assert len(provider.bodies) == 1
    for secret in (KEY, "Jane Moore", "pneumonia"):
        assert secret not in out + err
