"""A real vLLM server that stands at the provider's place: the embedded model, taught to chat."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.learning.basemodels.store import BaseModel
from appliance.records.progress import Silent
from appliance.settings.site_file import VllmSettings
from appliance.synthesis.backends.vllm.engine import Endpoint, VllmEngine

# The base model has no template of its own; it goes on where the last message ends.
_TEMPLATE = "{{ bos_token }}{{ messages[-1]['content'] }}"
_SETTINGS = VllmSettings(
    model="m",
    device="cpu",
    port=0,
    dtype="auto",
    tensor_parallel_size=1,
    max_model_len=1024,
    max_concurrent=16,
    kv_cache_gb=1,
    max_lora_rank=32,
    start_timeout_s=600.0,
    request_timeout_s=300.0,
)


@contextmanager
def running_vllm(model: BaseModel, directory: Path) -> Iterator[Endpoint]:
    """The server answers chat completions."""
    chatting, run = directory / "chatting", directory / "run"
    chatting.mkdir()
    run.mkdir(mode=0o700)
    for path in model.path.iterdir():
        (chatting / path.name).symlink_to(path)
    (chatting / "chat_template.jinja").write_text(_TEMPLATE)
    with VllmEngine(_SETTINGS, chatting, run, Silent()) as engine:
        yield engine.start()
