"""A base model with a classification head and LoRA in every linear layer of its body."""

import re
from pathlib import Path
from typing import Any, Final

from appliance.errors import ApplianceError, BadInput
from appliance.learning.offline import go_offline
from appliance.records.cards import HeadKind

_POOLER: Final = "pooler"


def load_classifier(base: Path, labels: tuple[str, ...], kind: HeadKind = HeadKind.ENTITIES) -> Any:
    """The base model in float32 with a fresh head of `len(labels)` outputs, per token or per text.

    Raises:
        BadInput: Not an encoder the library knows, or weights are missing from its body.
    """
    go_offline()
    import torch
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification
    from transformers.utils import logging as chatter

    chatter.disable_progress_bar()
    per_token = kind is HeadKind.ENTITIES
    family = AutoModelForTokenClassification if per_token else AutoModelForSequenceClassification
    try:
        model, found = family.from_pretrained(
            str(base),
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError):
        raise BadInput(
            f"The base model in {base.name} can't be loaded as a classifier.",
            "Use an encoder such as BERT, RoBERTa or ModernBERT.",
        ) from None
    heads = head_names(model)
    lost = [name for name in found["missing_keys"] if not _is_of(name, heads)]
    if lost:
        # The library would fill them with random numbers and go on.
        raise BadInput(
            f"The base model in {base.name} lacks {len(lost)} of its own weights.",
            "Import a complete model.",
        )
    return model


def head_names(model: Any) -> tuple[str, ...]:
    """The parts outside the body, and its pooler: trained whole and saved with the adapter.

    Many encoders come without weights for the pooler, which only the text's classifier uses.
    """
    outside = [
        name
        for name, child in model.named_children()
        if name != model.base_model_prefix and any(True for _ in child.parameters())
    ]
    body = getattr(model, model.base_model_prefix)
    return (*outside, _POOLER) if getattr(body, _POOLER, None) is not None else tuple(outside)


def _is_of(weight: str, modules: tuple[str, ...]) -> bool:
    return any(f".{module}." in f".{weight}" for module in modules)


def add_lora(
    model: Any, kind: HeadKind = HeadKind.ENTITIES, *, rank: int, alpha: int, dropout: float
) -> Any:
    """The model with LoRA in every linear layer of its body; only LoRA and head are trainable."""
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS if kind is HeadKind.ENTITIES else TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=_linear_layers(model),
        exclude_modules=rf".*\.{_POOLER}\..*",
        modules_to_save=list(head_names(model)),
    )
    return get_peft_model(model, config)


def _linear_layers(model: Any) -> str:
    """A pattern for the linear layers of the body, whatever the family calls them.

    PEFT's "all-linear" takes the token classification head too, and its defaults only query and
    value; ModernBERT has no defaults at all.
    """
    from torch import nn

    body = model.base_model_prefix
    names = {
        name.rsplit(".", 1)[-1]
        for name, module in getattr(model, body).named_modules()
        if isinstance(module, nn.Linear)
    }
    return rf"{re.escape(body)}\..*\.(?:{'|'.join(sorted(map(re.escape, names)))})"


def check_trained(model: Any) -> None:
    """The head is among what would be saved, and training moved the LoRA weights.

    Raises:
        ApplianceError: It is not, or every LoRA B is still zero: the adapter would do nothing.
    """
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    heads = head_names(model.get_base_model())
    missing = [name for name in heads if not any(_is_of(key, (name,)) for key in state)]
    if missing:
        raise ApplianceError(f"The adapter would be saved without its head ({missing[0]}).")
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise ApplianceError(
            "Training ended in numbers that are not finite.", "Lower the learning rate."
        )
    updates = [value for key, value in state.items() if "lora_B" in key]
    if not any(bool(value.abs().max() > 0) for value in updates):
        raise ApplianceError(
            "Training left every LoRA weight at zero: the adapter would do nothing.",
            "Train on more examples or for more epochs.",
        )


def save_weights(model: Any, directory: Path, base_name: str) -> None:
    """LoRA, head and PEFT's configuration are in `directory`.

    Raises:
        ApplianceError: See `check_trained`.
    """
    check_trained(model)
    # The configuration would otherwise carry a path of this machine.
    model.peft_config["default"].base_model_name_or_path = base_name
    model.save_pretrained(str(directory), save_embedding_layers=False)
    (directory / "README.md").unlink(missing_ok=True)


def load_adapted(
    base: Path, adapter: Path, labels: tuple[str, ...], kind: HeadKind = HeadKind.ENTITIES
) -> Any:
    """The base model with the adapter merged into its weights, head included, for inference.

    Raises:
        BadInput: The adapter does not fit the base model.
    """
    model = load_classifier(base, labels, kind)
    from peft import PeftModel

    try:
        adapted = PeftModel.from_pretrained(model, str(adapter), local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError):
        raise BadInput(
            f"Adapter {adapter.name!r} does not fit the base model in {base.name}.",
            "Use the base model that its card names.",
        ) from None
    return adapted.merge_and_unload()
