"""What is in a bundle, as a CycloneDX bill of materials: every wheel and every model."""

import json
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

_LONGEST: Final = 120
_UNKNOWN: Final = {"", "UNKNOWN"}


def describe(
    release: str, wheels: Iterable[tuple[Path, str]], models: Iterable[tuple[str, str]]
) -> bytes:
    """The bill of materials in JSON, valid against CycloneDX 1.6.

    Args:
        release: Name of the release.
        wheels: Path and SHA-256 of each wheel.
        models: Name and SHA-256 (over the listing of its files) of each model.

    Raises:
        ValueError: It would not be valid; a bug.
    """
    bom = Bom(components=[_wheel(path, digest) for path, digest in wheels])
    for name, digest in models:
        bom.components.add(
            Component(
                name=name, type=ComponentType.MACHINE_LEARNING_MODEL, hashes=[_sha256(digest)]
            )
        )
    root = Component(name="appliance", version=release, type=ComponentType.APPLICATION)
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is not None:
        raise ValueError("the bill of materials is not valid CycloneDX 1.6")
    return (json.dumps(json.loads(text), indent=1) + "\n").encode()


def _wheel(path: Path, digest: str) -> Component:
    metadata = _metadata(path)
    name, version = str(metadata["Name"]), str(metadata["Version"])
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        description=str(metadata["Summary"] or "") or None,
        purl=PackageURL("pypi", name=name.lower().replace("_", "-"), version=version),
        licenses=_licenses(metadata),
        hashes=[_sha256(digest)],
    )


def _metadata(path: Path) -> Message:
    with zipfile.ZipFile(path) as wheel:
        [name] = [
            one
            for one in wheel.namelist()
            if one.endswith(".dist-info/METADATA") and one.count("/") == 1
        ]
        return BytesParser().parsebytes(wheel.read(name), headersonly=True)


def _licenses(metadata: Message) -> list[License]:
    """What the wheel says: an SPDX expression, else a short licence field, else classifiers."""
    said = str(metadata["License-Expression"] or metadata["License"] or "").strip()
    # Some put the whole text of the licence there.
    if said in _UNKNOWN or len(said) > _LONGEST or "\n" in said:
        said = " AND ".join(
            value.rpartition(" :: ")[2]
            for value in metadata.get_all("Classifier", [])
            if value.startswith("License :: ")
        )
    return [LicenseFactory().make_from_string(said)] if said else []


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
