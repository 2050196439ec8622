"""Bundles with the product itself, for a booted machine that has every other package already.

Program, doctor, units and installer are what ships; in place of the wheels of the lock file there
is one that leads to the packages of this environment (boot.sh).
"""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

from appliance.settings.schema import SITE_SCHEMA
from offline.build import Plan, assemble, make_own_wheel
from offline.environment import WHEELS
from tests.lib.bundles import make_supplier, put_wheels
from tests.lib.house import REPOSITORY


def make_product_bundles(directory: Path) -> None:
    """In the directory are releases `1`, `2` and `3`, and `allowed`, which names their signer.

    2 brings a package with which another does not work; its doctor fails.
    """
    supplier, draft = make_supplier(directory), directory / "draft"
    draft.mkdir()
    make_own_wheel(REPOSITORY, draft)
    wheels = [*(draft / WHEELS).iterdir(), _make_wheel(draft, "packages", ".pth", "/opt/packages")]
    breaking = _make_wheel(draft, "torchvision", ".py", "")
    for release, more in ((1, []), (2, [breaking]), (3, [])):
        out = directory / str(release)
        out.mkdir()
        put_wheels(out, [*wheels, *more])
        plan = Plan(REPOSITORY, out, supplier.key, str(release), release, SITE_SCHEMA)
        assemble(plan, out, datetime.now(UTC))


def _make_wheel(directory: Path, name: str, suffix: str, content: str) -> Path:
    """A wheel with one file; the binary distribution format (PEP 427)."""
    wheel, about = directory / f"{name}-1-py3-none-any.whl", f"{name}-1.dist-info"
    files = {
        f"{name}{suffix}": content,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return wheel
