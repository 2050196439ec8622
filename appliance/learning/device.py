"""Which device and precision a piece of work runs on, as `site.toml` says."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from appliance.errors import BadInput
from appliance.learning.offline import go_offline


def choose_device(name: str) -> Any:
    """The torch device called `name`.

    Raises:
        BadInput: "cuda" is asked for and there is none.
    """
    go_offline()
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            "The settings ask for a CUDA device and this machine shows none.",
            'Set learning.device = "cpu" in site.toml, or mend the driver.',
        )
    return torch.device(name)


def mixed_precision(device: Any, dtype: str) -> AbstractContextManager[Any]:
    """Inside the block matrix products run in `dtype`; weights stay as they are."""
    import torch

    if dtype == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, dtype))
