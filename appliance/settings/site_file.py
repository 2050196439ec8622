"""`site.toml`: what differs between the embedded default and a real hospital, in one file."""

import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.errors import BadInput
from appliance.settings.validation import explain

Profile = Literal["air-gapped", "cloud-allowed"]
LOOPBACK: Final = "127.0.0.1"


NODE: Final = "/var/lib/appliance/node"
"""Where a host keeps its place in a cluster: on a disk of its own, never on the shared one."""

_READING_TOKENS: Final = 2048
_GPUS: Final = r"([0-9]+|GPU-[0-9a-f-]+|MIG-[0-9a-f-]+)"
_NO_CHOICE: Any = Field(default="", pattern=rf"^({_GPUS}(,{_GPUS})*)?$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Ray(_Strict):
    address: str = ""
    cpus: int = Field(default=2, ge=1)
    gpus: int = Field(default=0, ge=0)
    object_store_mb: int = Field(default=256, ge=80)
    node: str = NODE
    visible_gpus: str = _NO_CHOICE


class _Vllm(_Strict):
    model: str = "embedded-language-model"
    device: Literal["cpu", "cuda"] = "cpu"
    replicas: int = Field(default=1, ge=1, le=64)
    port: int = Field(default=0, ge=0, le=65535)
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    tensor_parallel_size: int = Field(default=1, ge=1)
    max_model_len: int = Field(default=1024, ge=256)
    max_concurrent: int = Field(default=32, ge=1)
    visible_gpus: str = _NO_CHOICE
    kv_cache_gb: int = Field(default=1, ge=1)
    max_lora_rank: int = Field(default=32, ge=1)
    start_timeout_s: float = Field(default=900.0, gt=0)
    request_timeout_s: float = Field(default=600.0, gt=0)


class _Gateway(_Strict):
    at: str = ""


class _Learning(_Strict):
    base: str = "embedded-encoder"
    device: Literal["cpu", "cuda"] = "cpu"
    workers: int = Field(default=1, ge=1)
    dtype: Literal["float32", "bfloat16"] = "float32"
    lora_rank: int = Field(default=32, ge=1)
    lora_alpha: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: int = Field(default=5, ge=1)
    batch_tokens: int = Field(default=512, ge=128)
    max_tokens: int = Field(default=128, ge=16)
    seed: int = 0
    loss: Literal["cross-entropy", "gce"] = "cross-entropy"
    gce_q: float = Field(default=0.7, gt=0, le=1)
    gce_after: float = Field(default=0.5, ge=0, le=1)
    row_weights: bool = True
    vocabulary_weight: float = Field(default=1.0, ge=0, le=1)
    cross_fit: int = Field(default=0, ge=0, le=20)
    ensemble: int = Field(default=0, ge=0, le=20)
    accumulate: int = Field(default=1, ge=1)
    gradient_checkpointing: bool = False
    patience: int = Field(default=0, ge=0)
    private_batch: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _one_is_none(self) -> Self:
        if 1 in (self.cross_fit, self.ensemble):
            raise ValueError("cross_fit and ensemble are 0, or 2 and more")
        return self


class _Extraction(_Strict):
    actors: int = Field(default=2, ge=1)
    notes_per_block: int = Field(default=16, ge=1)
    stride_tokens: int = Field(default=32, ge=0)
    pair_sentences: int = Field(default=0, ge=0, le=8)
    dtype: Literal["", "float32", "bfloat16"] = ""


class _Console(_Strict):
    address: str = LOOPBACK
    port: int = Field(default=8484, ge=0, le=65535)
    name: str = Field(default="", pattern=r"^[a-z0-9.-]{0,253}$")
    certificate: str = ""
    key: str = ""
    client_ca: str = ""

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        ipaddress.IPv4Address(self.address)
        files = (self.certificate, self.key, self.client_ca)
        if any(files) and not all(files):
            raise ValueError("certificate, key and client_ca go together")
        if self.address != LOOPBACK and not all(files):
            raise ValueError("beyond loopback it takes certificate, key and client_ca")
        return self


class _SiteFile(_Strict):
    version: Literal[1] = 1
    profile: Profile
    ray: _Ray = _Ray()
    vllm: _Vllm = _Vllm()
    gateway: _Gateway = _Gateway()
    console: _Console = _Console()
    learning: _Learning = _Learning()
    extraction: _Extraction = _Extraction()

    @model_validator(mode="after")
    def _gpus_are_not_shared(self) -> Self:
        ours, theirs = (set(part.visible_gpus.split(",")) for part in (self.ray, self.vllm))
        if shared := (ours & theirs) - {""}:
            raise ValueError(f"ray and vllm would both use GPU {', '.join(sorted(shared))}")
        return self


@dataclass(frozen=True, slots=True)
class RaySettings:
    """Where Ray runs. `address` "" means a local cluster of this process; sizes in MiB.

    `node` is where a host keeps its place in a cluster, `visible_gpus` which of this machine's
    GPUs a local cluster may use, "" for all, in CUDA_VISIBLE_DEVICES' own form.
    """

    address: str
    cpus: int
    gpus: int
    object_store_mb: int
    node: str = NODE
    visible_gpus: str = ""


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """How the generator is served: a model of the model store; `port` 0 picks a free one.

    Of several `replicas` each has the whole of the other sizes, and the next port. `visible_gpus`
    are those of this machine it may use, "" for all, in CUDA_VISIBLE_DEVICES' own form.
    """

    model: str
    device: str
    port: int
    dtype: str
    tensor_parallel_size: int
    max_model_len: int
    max_concurrent: int
    kv_cache_gb: int
    max_lora_rank: int
    start_timeout_s: float
    request_timeout_s: float
    replicas: int = 1
    visible_gpus: str = ""

    @property
    def at_once(self) -> int:
        """Requests that all replicas together work on at once."""
        return self.max_concurrent * self.replicas


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway listens: a socket's path, or `http://127.0.0.1:PORT`; "" for the site's."""

    at: str


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where the web page listens.

    `name` is what browsers may call the machine besides its address. Beyond loopback every browser
    needs a certificate of `client_ca`; the files are named with their whole paths.
    """

    address: str
    port: int
    name: str
    certificate: str
    key: str
    client_ca: str


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How adapters are trained; what each choice means stands at `tuning.recipe.Recipe`.

    `batch_tokens` counts padded tokens of one batch of training.
    """

    base: str
    device: str
    workers: int
    dtype: str
    lora_rank: int
    lora_alpha: int
    learning_rate: float
    epochs: int
    batch_tokens: int
    max_tokens: int
    seed: int
    loss: str
    gce_q: float
    gce_after: float
    row_weights: bool
    vocabulary_weight: float
    cross_fit: int
    ensemble: int
    accumulate: int
    gradient_checkpointing: bool
    patience: int
    private_batch: int

    @property
    def reading_tokens(self) -> int:
        """Tokens of a batch that is read: without gradients as many fit as are quick."""
        return max(_READING_TOKENS, self.batch_tokens)


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """How notes are read.

    `stride_tokens` is the overlap of neighbouring windows; `pair_sentences` how many sentences
    after the first of a pair the other may stand, 0 for the same one; `dtype` what entities are
    found in: "" for `learning.dtype`, in which adapters are evaluated, and pairs always judged.
    """

    actors: int
    notes_per_block: int
    stride_tokens: int
    pair_sentences: int
    dtype: str


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The whole of `site.toml`."""

    profile: Profile
    ray: RaySettings
    vllm: VllmSettings
    gateway: GatewaySettings
    console: ConsoleSettings
    learning: LearningSettings
    extraction: ExtractionSettings


def load_site_file(path: Path) -> SiteSettings:
    """The settings in `path`.

    Raises:
        BadInput: Not TOML, an unknown key, or a value out of range; names the key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        parsed = _SiteFile.model_validate(raw)
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", "Mend the line it names.") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}.", "Mend or remove that key.") from None
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Give this user the site's directory."
        ) from None
    return _settings(parsed)


def default_settings(profile: Profile) -> SiteSettings:
    """The settings of a new site."""
    return _settings(_SiteFile(profile=profile))


def _settings(parsed: _SiteFile) -> SiteSettings:
    return SiteSettings(
        profile=parsed.profile,
        ray=RaySettings(**parsed.ray.model_dump()),
        vllm=VllmSettings(**parsed.vllm.model_dump()),
        gateway=GatewaySettings(**parsed.gateway.model_dump()),
        console=ConsoleSettings(**parsed.console.model_dump()),
        learning=LearningSettings(**parsed.learning.model_dump()),
        extraction=ExtractionSettings(**parsed.extraction.model_dump()),
    )


def default_site_file(profile: Profile) -> str:
    """The text of a new site's `site.toml`: every setting at its default, ready to be edited."""
    defaults = _SiteFile(profile=profile)
    lines = [
        "# Settings of this site; no secret belongs here. Unknown keys are refused.",
        f"version = {defaults.version}",
        f'profile = "{profile}"',
    ]
    for table, values in defaults.model_dump().items():
        if isinstance(values, dict):
            lines += ["", f"[{table}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
