"""What a person sees when the product itself is at fault."""

from appliance.cli import main as cli_main


def test_a_bug_is_reported_by_type_and_place_and_never_by_message(monkeypatch, capsys):
    """A library's exception text may quote a note: it never reaches the terminal."""

    def fail(**_: object) -> None:
        raise ValueError("Maria Kowalczyk MRN 00123456")

    monkeypatch.setattr(cli_main.cli, "main", fail)

    code = cli_main.run(["ledger", "head"])

    shown = capsys.readouterr()
    assert code == 1
    assert "ValueError" in shown.err
    assert "test_cli_bugs.py:" in shown.err
    assert "Kowalczyk" not in shown.err + shown.out
