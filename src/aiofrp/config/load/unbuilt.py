"""Settings of frp that this release of aiofrp does not implement.

They are ignored, and the commands warn of it. The line of a setting is removed together with the change that
implements it.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp.config.models.client import ClientConfig


def client_leaves_out(config: ClientConfig) -> Iterator[str]:
    """The settings of a configuration of frpc that are ignored, as the texts of a warning."""
    if beyond := [visitor.name for visitor in config.visitors if visitor.type == "xtcp"]:
        yield f"visitors of type xtcp: {', '.join(beyond)}"
