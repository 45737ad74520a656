"""What frps looks at before a proxy is published, whoever asks for it."""

from __future__ import annotations

from tests.support.tunnel import client_config, running_client, running_server, server_config
from tests.support.vhosts import refusals


async def test_annotations_with_bad_keys() -> None:
    """The client in this test does not look at them itself."""
    kinds = {"good": '{ "EXAMPLE.org/Note" = "x" }', "bad": '{ "a/b/c" = "x", "/d" = "y" }'}
    toml = "".join(
        f'[[proxies]]\nname = "{name}"\ntype = "stcp"\nlocalPort = 1\nannotations = {annotations}\n'
        for name, annotations in kinds.items()
    )
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], toml)) as client,
    ):
        refused = refusals(client)
        assert refused["good"] == ""
        first, second = refused["bad"].split("\n")
        assert first == "annotation key /d is invalid: prefix part must be non-empty"
        assert second.startswith("annotation key a/b/c is invalid: a qualified name must consist of")
