"""`python -m appliance` and the `appliance` command."""

from appliance.cli.main import run


def main() -> None:
    """The command line has run; the process ends with the exit code of `errors`."""
    raise SystemExit(run())


if __name__ == "__main__":
    main()
