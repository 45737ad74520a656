"""Where the configuration of a frpc comes from: its file, and the store on top of it."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from aiofrp.client.store import Stored, read_store, with_stored
from aiofrp.config.load.files import Loaded, load_client, read
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import ConfigError


class ConfigSource:
    """The file a running frpc was started with; loaded again on reload, read and written by the admin API."""

    def __init__(self, path: str, *, strict: bool = True, allow_unsafe: Collection[str] = ()) -> None:
        self.path = path
        self.strict = strict  #: whether unknown keys are errors, unless a reload says otherwise
        self._allow_unsafe = allow_unsafe
        self._stored = Stored()

    def __repr__(self) -> str:
        return f"<ConfigSource {self.path}>"

    def start(self) -> Loaded[ClientConfig]:
        """The configuration to start with, the store included; the store is read this once.

        Raises :class:`~aiofrp.errors.ConfigError`.
        """
        loaded = load_client(self.path, strict=self.strict, allow_unsafe=self._allow_unsafe, starting=True)
        store = loaded.config.store.path
        if store:
            self._stored = read_store(os.path.join(os.path.dirname(self.path), store))
        return replace(loaded, config=with_stored(loaded.config, self._stored))

    def load(self, *, strict: bool) -> Loaded[ClientConfig]:
        """The configuration as it is now. Raises :class:`~aiofrp.errors.ConfigError`."""
        loaded = load_client(self.path, strict=strict, allow_unsafe=self._allow_unsafe)
        return replace(loaded, config=with_stored(loaded.config, self._stored))

    def read(self) -> bytes:
        """The bytes of the file. Raises :class:`~aiofrp.errors.ConfigError`."""
        return read(self.path)

    def write(self, data: bytes) -> None:
        """Replace the content of the file, unchecked; a failed write leaves the old content.

        Raises :class:`~aiofrp.errors.ConfigError`.
        """
        try:
            self._replace(Path(os.path.realpath(self.path)), data)
        except OSError as error:
            raise ConfigError(f"open {self.path}: {(error.strerror or str(error)).lower()}") from None

    def _replace(self, path: Path, data: bytes) -> None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        draft = path.with_name(path.name + ".tmp")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
        try:
            os.replace(draft, path)
        except OSError:  # a file that is a mount of its own cannot be replaced, only written to
            draft.unlink()
            path.write_bytes(data)
