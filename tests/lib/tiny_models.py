"""Encoders with a few thousand random weights and a tokenizer of their own, made on the spot."""

from pathlib import Path
from typing import Any, Final

from appliance.learning.offline import go_offline

FAMILIES: Final = ("bert", "roberta", "modernbert")
_TEXTS: Final = (
    "The patient has asthma and chronic kidney disease.",
    "No evidence of pneumonia; HIV-1 was ruled out (twice).",
    "Denies fever, cough or weight loss. Breast cancer in 2019, COPD since.",
)
_SIZES: Final = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def make_tiny_encoder(directory: Path, family: str = "bert", *, body_only: bool = True) -> Path:
    """A model of the family is in `directory`: config, safetensors, tokenizer.

    Args:
        directory: Made.
        family: One of `FAMILIES`.
        body_only: Without a head, as most published encoders come; else with a masked LM head.
    """
    go_offline()
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM

    directory.mkdir(parents=True)
    tokenizer = _bert_tokenizer() if family == "bert" else _byte_tokenizer(family)
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    build = AutoModel if body_only else AutoModelForMaskedLM
    build.from_config(_config(family, tokenizer)).save_pretrained(directory)
    return directory


def _config(family: str, tokenizer: Any) -> Any:
    from transformers import BertConfig, ModernBertConfig, RobertaConfig

    common = {**_SIZES, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if family == "bert":
        return BertConfig(**common, max_position_embeddings=128)
    if family == "roberta":
        return RobertaConfig(**common, max_position_embeddings=130, type_vocab_size=1)
    return ModernBertConfig(
        **common,
        max_position_embeddings=128,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )


def _bert_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    core.train_from_iterator(
        _TEXTS, trainers.WordPieceTrainer(vocab_size=160, special_tokens=names, show_progress=False)
    )
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _byte_tokenizer(family: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=names,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    core.train_from_iterator(_TEXTS, trainer)
    # RoBERTa's offsets leave the leading space out, ModernBERT's count it in.
    core.post_processor = (
        processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
        if family == "roberta"
        else processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


def make_tiny_writer(directory: Path) -> Path:
    """A language model with random weights is in `directory`."""
    go_offline()
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _byte_tokenizer("roberta")
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=512,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


def tune_writer(base: Path, base_name: str, adapter: Path, texts: list[str], steps: int) -> Path:
    """A LoRA adapter that learned the texts by heart is in `adapter`, as PEFT saves it."""
    go_offline()
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(str(base), local_files_only=True)
    lora = LoraConfig(
        task_type="CAUSAL_LM", r=32, lora_alpha=64, target_modules="all-linear",
        modules_to_save=["embed_tokens", "lm_head"],
    )  # fmt: skip
    torch.manual_seed(0)
    tuned = get_peft_model(model, lora).train()
    trainable = [one for one in tuned.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=5e-3)
    for _ in range(steps):
        for text in texts:
            ids = tokenizer(text, return_tensors="pt").input_ids
            tuned(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    tuned.peft_config["default"].base_model_name_or_path = base_name
    tuned.save_pretrained(str(adapter), save_embedding_layers=False)
    return adapter
