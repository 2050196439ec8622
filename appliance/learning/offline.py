"""Switches that keep the model libraries at home; set before any of them is imported."""

import logging
import os
from typing import Final

_SWITCHES: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    # Reports of loading and a tokenizer's complaints can quote what they are about.
    "TRANSFORMERS_VERBOSITY": "error",
    # stderr belongs to the command line's own bars.
    "TQDM_DISABLE": "1",
    # The tokenizer's own threads fight torch's, and warn after a fork.
    "TOKENIZERS_PARALLELISM": "false",
}


def go_offline() -> None:
    """Libraries imported from here on never look for a hub, and keep quiet.

    The hub's client reads its switches once, when it is imported: every function of this zone
    that imports torch, transformers or peft calls this first.
    """
    os.environ.update(_SWITCHES)
    for name in ("transformers", "huggingface_hub", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
