"""Whether the gateway's way out is described: the new units start no gateway before its rules."""

import subprocess
from pathlib import Path
from typing import Final

from offline import machine
from offline.refusal import BAD_INPUT, Refused

SETTINGS: Final = Path("/etc/appliance/egress.env")
EXAMPLE: Final = Path("deploy/systemd/examples/egress.env")
_GATEWAY: Final = "appliance-gateway.service"
_DROP_INS: Final = "appliance-egress.service.d"
_UP: Final = {"active", "reloading", "activating"}
# What deploy/egress/users.nft asks for, and the provider of a site that has none.
_WANTED: Final = ("PROVIDER", "PORT", "RESOLVER", "HOSTS")
_NOBODY: Final = "0.0.0.0"  # noqa: S104 - read, and bound by nobody


def check_way_out(example: Path, units: Path, settings: Path = SETTINGS) -> None:
    """A gateway that is in use can be started again, and will reach its provider.

    Args:
        example: What the settings can be made from.
        units: Where systemd looks for units.
        settings: The environment file of appliance-egress.service.

    Raises:
        Refused: It would be stopped, or would reach nobody.
    """
    if not _is_used(units) or _has_other_rules(units):
        return
    given = _read(settings, example)
    missing = [name for name in _WANTED if not given.get(name)]
    if missing:
        raise Refused(
            f"{settings} has no {missing[0]}, and the gateway would not start.",
            f"See {example}.",
            BAD_INPUT,
        )
    if given["PROVIDER"] == _NOBODY:
        raise Refused(
            f"{settings} lets the gateway reach nobody.",
            "Put the provider's address into PROVIDER; 127.0.0.1 where the gateway is to reach "
            "nothing but this machine.",
            BAD_INPUT,
        )


def _is_used(units: Path) -> bool:
    """Whether the gateway is enabled, or runs."""
    folders = [*units.glob("*.wants"), *units.glob("*.requires")]
    return any((folder / _GATEWAY).is_symlink() for folder in folders) or _is_up()


def _is_up() -> bool:
    program = machine.find("systemctl") if machine.has_systemd() else None
    if program is None:
        return False
    words = [program, "show", "--property=ActiveState", "--value", _GATEWAY]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() in _UP


def _has_other_rules(units: Path) -> bool:
    """Whether the operator has taken our file out of the unit: examples/egress-by-other-rules.conf.

    A drop-in can't take a Requires= back (systemd.unit(5)), so none of the gateway's counts.
    """
    texts = (path.read_text(errors="replace") for path in (units / _DROP_INS).glob("*.conf"))
    return any(line.strip() == "EnvironmentFile=" for text in texts for line in text.splitlines())


def _read(settings: Path, example: Path) -> dict[str, str]:
    """The variables, as systemd has them: EnvironmentFile= of systemd.exec(5)."""
    try:
        text = settings.read_text(errors="replace")
    except FileNotFoundError:
        raise Refused(
            f"The gateway is in use, and without {settings} the new release would not start it.",
            f"`install -D -m 644 {example} {settings}`, put in what the gateway is to reach, and "
            "run the same command again. Where other rules see to that: "
            f"{example.with_name('egress-by-other-rules.conf')}.",
            BAD_INPUT,
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if not line.startswith(("#", ";"))]
    return {name.strip(): value.strip().strip("\"'").strip() for name, _, value in pairs}
