"""From one packed GGUF file to plain bfloat16 safetensors that transformers and vLLM load."""

import functools
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from appliance.learning.offline import go_offline


def convert_gguf(packed: Path, target: Path) -> None:
    """`target` holds config, bfloat16 safetensors and tokenizer of the model in `packed`.

    Args:
        packed: A GGUF file, any quantisation.
        target: An existing directory.
    """
    go_offline()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging as chatter

    chatter.disable_progress_bar()
    logging.getLogger("gguf").setLevel(logging.ERROR)
    where = {"pretrained_model_name_or_path": str(packed.parent), "gguf_file": packed.name}
    # The converter draws a bar of its own that no switch turns off.
    with reading_once(), redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            **where,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(gguf_file=packed.name, dequantize=True),
            local_files_only=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(**where, local_files_only=True)
    _forget_packing(model)
    model.save_pretrained(target, safe_serialization=True)
    # The converter drops the file's own "add_bos_token"; without a first <bos> Gemma rambles.
    tokenizer.add_bos_token = True
    tokenizer.update_post_processor()
    tokenizer.save_pretrained(target)


@contextmanager
def reading_once() -> Iterator[None]:
    """The file is parsed once, as a plain array.

    transformers has it parsed for the configuration, for the weights and for the tokenizer, each
    of a vocabulary's 262,144 words as a map of the file of its own: that was half of a conversion.
    """
    import gguf

    usual = gguf.GGUFReader

    class PlainReader(usual):  # type: ignore[misc, valid-type]
        @property
        def data(self) -> Any:
            return self._data

        @data.setter
        def data(self, mapped: Any) -> None:
            self._data = np.asarray(mapped)

    gguf.GGUFReader = functools.cache(PlainReader)
    try:
        yield
    finally:
        gguf.GGUFReader = usual


def _forget_packing(model: Any) -> None:
    """`save_pretrained` refuses a model that remembers having been packed."""
    model.hf_quantizer = None
    model.is_quantized = False
    for holder, attribute in (
        (model, "quantization_method"),
        (model.config, "quantization_config"),
    ):
        if hasattr(holder, attribute):
            delattr(holder, attribute)
