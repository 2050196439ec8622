"""The product's invented hospital, at the size that tests use."""

from functools import cache

from appliance.invented.hospital import InventedHospital, invent

__all__ = ["InventedHospital", "hospital", "invent"]


@cache
def hospital() -> InventedHospital:
    """The default hospital: seed 7, 240 notes; made once per test process."""
    return invent()
