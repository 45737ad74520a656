"""The file of a frpc, with the store on top of it."""

from __future__ import annotations

import os
from collections.abc import Collection

from msgspec.structs import replace

from aiofrp.client.sources.replace import replace_file, step
from aiofrp.client.sources.store import StoreChange, Stored, read_store, with_stored, write_store
from aiofrp.config.load.files import Loaded, load_client, read
from aiofrp.config.models.client import ClientConfig

#: The permissions of a configuration file that was not there before.
_MODE = 0o600


class ConfigSource:
    """The file a running frpc was started with; loaded again on reload, read and written by the admin API.

    ``stored`` is the content of the store. It is read once, by :meth:`start`, and changed by :meth:`change_store`.
    """

    def __init__(self, path: str, *, strict: bool = True, allow_unsafe: Collection[str] = ()) -> None:
        self.path = path
        self.strict = strict  #: whether unknown keys are errors, unless a reload says otherwise
        self.stored = Stored()
        self._store_path = ""  # empty: there is no store
        self._loaded = ClientConfig()  # the file alone, as it was loaded last
        self._allow_unsafe = allow_unsafe

    def __repr__(self) -> str:
        return f"<ConfigSource {self.path}>"

    @property
    def has_store(self) -> bool:
        """Whether the file it was started with names a store."""
        return bool(self._store_path)

    def start(self) -> Loaded[ClientConfig]:
        """The configuration to start with, the store included; the store is read this once.

        Raises :class:`~aiofrp.errors.ConfigError`.
        """
        loaded = load_client(self.path, strict=self.strict, allow_unsafe=self._allow_unsafe, starting=True)
        store = loaded.config.store.path
        if store:
            self._store_path = os.path.join(os.path.dirname(self.path), store)
            self.stored = read_store(self._store_path)
        return self._with_store(loaded)

    def load(self, *, strict: bool) -> Loaded[ClientConfig]:
        """The configuration as it is now, the store included. Raises :class:`~aiofrp.errors.ConfigError`."""
        return self._with_store(load_client(self.path, strict=strict, allow_unsafe=self._allow_unsafe))

    def check(self, data: bytes) -> Loaded[ClientConfig]:
        """The configuration, the store included, if the file had the content ``data``; nothing is changed. Raises
        :class:`~aiofrp.errors.ConfigError`."""
        loaded = load_client(self.path, strict=self.strict, allow_unsafe=self._allow_unsafe, data=data)
        return replace(loaded, config=with_stored(loaded.config, self.stored))

    def _with_store(self, loaded: Loaded[ClientConfig]) -> Loaded[ClientConfig]:
        config = with_stored(loaded.config, self.stored)
        self._loaded = loaded.config
        return replace(loaded, config=config)

    def change_store(self, change: StoreChange) -> ClientConfig:
        """Replace the content of the store by what ``change`` makes of it, first in its file. Returns the
        configuration with it; the file of frpc itself is not loaded again.

        Raises what ``change`` raises, and :class:`~aiofrp.errors.ConfigError` when the file cannot be written; the
        store and its file are as they were then.
        """
        stored, config = self._changed(change)
        write_store(self._store_path, stored)
        self.stored = stored
        return config

    def check_store(self, change: StoreChange) -> None:
        """Raise what :meth:`change_store` would for a change that cannot be made; nothing is changed."""
        self._changed(change)

    def _changed(self, change: StoreChange) -> tuple[Stored, ClientConfig]:
        stored = change(self.stored)
        return stored, with_stored(self._loaded, stored)

    def read(self) -> bytes:
        """The bytes of the file. Raises :class:`~aiofrp.errors.ConfigError`."""
        return read(self.path)

    def write(self, data: bytes) -> None:
        """Replace the content of the file, unchecked; a failed write leaves the old content.

        Raises :class:`~aiofrp.errors.ConfigError`.
        """
        with step("write", f"open {self.path}"):
            mode = os.stat(self.path).st_mode & 0o777 if os.path.exists(self.path) else _MODE
        replace_file(self.path, data, mode, in_place=True)
