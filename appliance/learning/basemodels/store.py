"""`SITE/models`: every base model under the digest of its bytes, found by name.

models/index.json            name -> digest; replaced atomically
models/<first 16 digits>/    the model's files and `manifest.json`, written last
models/.import-*             a copy in the making; swept away by the next import
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import (
    foresee_manifest,
    is_finished,
    read_manifest,
    write_manifest,
)
from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.basemodels.checking import check_model
from appliance.learning.basemodels.embedded import EMBEDDED
from appliance.records.identifiers import Digest
from appliance.settings.names import check_name

_KIND: Final = "model"
_INDEX: Final = "index.json"
_PREFIX: Final = 16
_FICLONE: Final = 0x40049409


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model that is whole.

    Attributes:
        name: As the operator calls it.
        path: Its directory, for `from_pretrained` and vLLM.
        digest: Of its manifest: the identity of every byte.
    """

    name: str
    path: Path
    digest: Digest


class ModelStore:
    """Base models of one site; safetensors only.

    Args:
        models: `SITE/models`; made when it is not there.
    """

    def __init__(self, models: Path) -> None:
        self._models = models

    def resolve(self, name: str) -> BaseModel:
        """The model called `name`, its files checked by size; an embedded one is made on first use.

        Raises:
            BadInput: No model has that name, or it can't be made here.
            ManifestMismatch: A file is missing or has another size.
            NoSpace: The disk is full.
        """
        self.require(name)
        digest = self._names().get(name)
        if digest:
            return self._open(name, digest)
        if self._models.is_dir() and not os.access(self._models, os.W_OK):
            raise BadInput(
                f"{name} is not in the store yet, and may not be put there by this user.",
                "Run `appliance model import --embedded` as the user whose site it is.",
            )
        return self._take(name, EMBEDDED[name])

    def require(self, name: str) -> None:
        """A model has that name, or would have on first use; nothing is made.

        Raises:
            BadInput: None has.
        """
        known = {*self._names(), *EMBEDDED}
        if name not in known:
            raise BadInput(
                f"There is no base model {name!r}.",
                f"Known: {', '.join(sorted(known))}. "
                "Bring one in with `appliance model import DIR --name NAME`.",
            )

    def digest_of(self, name: str) -> Digest | None:
        """The digest of the model called `name`; None where none is in the store."""
        return self._names().get(name)

    def foresee(self, source: Path, name: str) -> Digest:
        """The digest that `import_directory` would give; nothing is written.

        Raises:
            BadInput: See `import_directory`.
        """
        digest = foresee_manifest(source, self._check(source, name), _KIND)
        if self.digest_of(name) not in (None, digest):
            raise _taken(name)
        return digest

    def import_directory(self, source: Path, name: str) -> BaseModel:
        """A copy of `source` is in the store under `name`.

        Raises:
            BadInput: Not a usable model (see `check_model`), or the name is taken.
            NoSpace: The disk is full; nothing is left behind.
        """
        files = self._check(source, name)
        return self._take(name, lambda target: _copy_files(source, files, target))

    def list(self) -> tuple[BaseModel, ...]:
        """Every model of the store, sorted by name; embedded ones not yet used are left out.

        Raises:
            ManifestMismatch: A model is damaged.
        """
        return tuple(self._open(name, digest) for name, digest in sorted(self._names().items()))

    def _check(self, source: Path, name: str) -> tuple[Path, ...]:
        check_name(name, "a model", "--name")
        if name in EMBEDDED:
            raise BadInput(f"{name!r} is the name of an embedded model.", "Choose another name.")
        return check_model(source)

    def _take(self, name: str, fill: Callable[[Path], None]) -> BaseModel:
        with disk_errors(self._models), self._alone():
            taken = self._names().get(name)
            if taken is not None and name in EMBEDDED:
                return self._open(name, taken)
            draft = Path(tempfile.mkdtemp(prefix=".import-", dir=self._models))
            try:
                fill(draft)
                check_model(draft)
                digest = write_manifest(draft, _KIND).digest
                if taken not in (None, digest):
                    raise _taken(name)
                self._settle(draft, digest)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            self._write_names({**self._names(), name: digest})
        return self._open(name, digest)

    def _settle(self, draft: Path, digest: Digest) -> None:
        home = self._home(digest)
        if is_finished(home):
            return
        shutil.rmtree(home, ignore_errors=True)
        for path in draft.rglob("*"):
            if path.is_file():
                _sync_file(path)
        draft.chmod(0o700)
        draft.rename(home)
        sync_directory(self._models)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One import at a time; what a killed one left is swept away."""
        self._models.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._models / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for stale in self._models.glob(".import-*"):
                shutil.rmtree(stale, ignore_errors=True)
            yield

    def _open(self, name: str, digest: Digest) -> BaseModel:
        home = self._home(digest)
        manifest = read_manifest(home, _KIND, check=False)
        if manifest.digest != digest:
            raise ManifestMismatch(
                f"Model {name!r}: the index names another digest.",
                f"Remove {home} and its line in {self._models / _INDEX}, then import it again.",
            )
        for file, entry in manifest.files.items():
            path = home / file
            if not path.is_file() or path.stat().st_size != entry.size:
                raise ManifestMismatch(
                    f"Model {name!r}: {file} is missing or has another size.",
                    f"Remove {home} and its line in {self._models / _INDEX}, then import it again.",
                )
        return BaseModel(name, home, digest)

    def _home(self, digest: Digest) -> Path:
        return self._models / digest[:_PREFIX]

    def _names(self) -> Mapping[str, Digest]:
        index = self._models / _INDEX
        try:
            raw = json.loads(index.read_bytes())
            return {str(name): Digest(str(digest)) for name, digest in raw.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError):
            raise ManifestMismatch(
                f"{index} is unreadable.", "Remove it and import again."
            ) from None

    def _write_names(self, names: Mapping[str, Digest]) -> None:
        content = json.dumps(names, indent=1, sort_keys=True) + "\n"
        write_atomically(self._models / _INDEX, content.encode())


def _taken(name: str) -> BadInput:
    return BadInput(f"Another model is called {name!r} already.", "Choose another name.")


def _copy_files(source: Path, files: tuple[Path, ...], target: Path) -> None:
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        _copy(source / file, target / file)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            # Shares the blocks where the file system can: weights are large.
            fcntl.ioctl(writer, _FICLONE, reader.fileno())
        except OSError:
            shutil.copyfileobj(reader, writer, 1 << 20)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
