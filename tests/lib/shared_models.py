"""The embedded language model, unpacked once for all workers of a test run: that takes a minute."""

import os

import pytest

from appliance.learning.basemodels.store import BaseModel, ModelStore


def language_model(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """Whoever comes first unpacks it; the store's lock has the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return ModelStore(shared / "models").resolve("embedded-language-model")
