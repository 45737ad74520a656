"""``frps verify`` and ``frpc verify``: what they print and how they end
(docs/protocol/configuration.md §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal

from aiofrp.config.load.files import Loaded, load_client, load_server
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.problem import InvalidConfig
from aiofrp.errors import ConfigError


def verify(
    program: Literal["frps", "frpc"],
    path: str,
    *,
    strict: bool = True,
    allow_unsafe: Collection[str] = (),
    environ: Mapping[str, str] | None = None,
    inspect: Callable[[ServerConfig | ClientConfig], Iterable[str]] = lambda config: (),
) -> tuple[int, str]:
    """Check a file: the exit code and the text for standard output. ``inspect`` gives further warnings."""
    loaded: Loaded[ServerConfig] | Loaded[ClientConfig]
    try:
        if program == "frps":
            loaded = load_server(path, strict=strict, allow_unsafe=allow_unsafe, environ=environ)
        else:
            loaded = load_client(path, strict=strict, allow_unsafe=allow_unsafe, environ=environ)
        warnings = (*loaded.warnings, *inspect(loaded.config))
    except InvalidConfig as error:
        return 1, f"{warning_text(error.warnings)}{error}\n"
    except ConfigError as error:
        return 1, f"{error}\n"
    return 0, f"{warning_text(warnings)}{program}: the configuration file {path} syntax is ok\n"


def warning_text(warnings: Collection[str]) -> str:
    """Warnings as they are printed, together and before anything else."""
    whole = [text for text in warnings if text.startswith("WARNING")]
    parts = [text for text in warnings if text not in whole]
    if parts:
        whole.append("WARNING: " + "\n".join(parts))
    return "".join(f"{text}\n" for text in whole)
