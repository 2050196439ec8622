"""An adapter of a language model, asked to go on with a beginning; for audits alone.

No adapter that is trained here writes text. One that somebody put beside them may.
"""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from appliance.errors import BadInput
from appliance.learning.adapters import WEIGHTS
from appliance.learning.device import choose_device
from appliance.learning.offline import go_offline

_CONFIG: Final = "adapter_config.json"
_CAUSAL: Final = "CAUSAL_LM"


def base_of_writer(adapter: Path) -> str | None:
    """The name of the base model of an adapter that writes text; None where it writes none."""
    try:
        config = json.loads((adapter / _CONFIG).read_bytes())
        if config["task_type"] != _CAUSAL:
            return None
        return Path(str(config["base_model_name_or_path"])).name
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Continuer:
    """Goes on with a beginning, always by the likeliest token.

    Args:
        model: A language model with an adapter, on its device.
        tokenizer: Its own.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, adapter: Path, base: Path, *, device: str) -> "Continuer":
        """The base model with the adapter, which can be switched off.

        Raises:
            BadInput: It has no safetensors, does not fit the base model, or no such device.
        """
        if not (adapter / WEIGHTS).is_file():
            # Weights in other files can hold programs.
            raise BadInput(f"Adapter {adapter.name!r} has no {WEIGHTS}.", "Save it as safetensors.")
        go_offline()
        place = choose_device(device)
        import torch
        from peft import PeftModel
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            model = AutoModelForCausalLM.from_pretrained(
                str(base), local_files_only=True, dtype=torch.float32
            )
            adapted = PeftModel.from_pretrained(model, str(adapter), local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError):
            raise BadInput(
                f"Adapter {adapter.name!r} does not fit the base model in {base.name}.",
                "Import the base model that its configuration names.",
            ) from None
        return cls(adapted.to(place).eval(), tokenizer)

    def go_on(self, beginning: str, wanted: str, *, with_adapter: bool = True) -> str:
        """About as much text as `wanted` has, the beginning left out.

        Args:
            beginning: What is given.
            wanted: How much to write, by its tokens; it is not shown to the model.
            with_adapter: Whether the adapter is on.

        Raises:
            BadInput: The model can't take so long a text.
        """
        import torch

        given = self._tokenizer(beginning, return_tensors="pt").input_ids
        if int(given[0, -1]) == self._tokenizer.eos_token_id:
            # Some tokenizers end every text: nothing would come after it.
            given = given[:, :-1]
        given = given.to(next(self._model.parameters()).device)
        length = len(self._tokenizer(wanted, add_special_tokens=False).input_ids) + 4
        off = nullcontext() if with_adapter else self._model.disable_adapter()
        with torch.inference_mode(), off:
            try:
                written = self._model.generate(
                    input_ids=given,
                    attention_mask=torch.ones_like(given),
                    max_new_tokens=length,
                    do_sample=False,
                )
            except (IndexError, RuntimeError):
                raise BadInput(
                    f"The model can't go on after {given.shape[1]} tokens.",
                    "Attack an adapter of a model with a longer context.",
                ) from None
        return str(self._tokenizer.decode(written[0, given.shape[1] :], skip_special_tokens=True))
