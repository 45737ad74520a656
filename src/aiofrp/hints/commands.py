"""Rows about ``frpc status``, ``reload`` and ``stop``, and about the web servers that they ask.

The texts say where the API is; there are no further facts.
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

COMMANDS: Final = (
    KnownFailure(
        "api-not-configured",
        cause="the file has no webServer.port, so the running frpc cannot be asked",
        step="Write webServer.port = 7400 into the file, restart frpc with it, and try again",
        key="webServer.port",
        prints=("web server port should be set",),
    ),
    KnownFailure(
        "api-refused",
        cause="nothing listens on {where}",
        reasons=(
            "frpc does not run",
            "it was started with another file, or before webServer.port was written into this one",
        ),
        step="Start frpc with this file, or name with -c the file that it was started with",
        key="webServer.port",
        prints=("dial tcp {where}: connect: connection refused",),
    ),
    KnownFailure(
        "api-password",
        cause="the running frpc has another webServer.user or webServer.password than the file",
        reasons=("the file was changed after the start", "another frpc or program has the port"),
        step="Write the user and the password into the file that frpc was started with, or restart frpc",
        key="webServer.password",
        prints=("api status code [401]",),
    ),
    KnownFailure(
        "api-not-frpc",
        cause="the program there is not the API of frpc",
        reasons=("it is that of frps", "another web server has the port"),
        step="Name with -c the file of the running frpc, or correct webServer.port",
        key="webServer.port",
        prints=("api status code [404]", "unmarshal http response error", "this is no answer of a frpc"),
    ),
    KnownFailure(
        "api-silent",
        cause="the program there did not answer in time",
        reasons=("another program has the port", "frpc is stopped (SIGSTOP) or overloaded"),
        step="Check with `ss -tlnp` which program has the port",
        key="webServer.port",
        prints=("context deadline exceeded",),
    ),
    KnownFailure(
        "api-tls",
        cause="the running frpc and the file differ in webServer.tls",
        step="Restart frpc with the file as it is now",
        key="webServer.tls",
        prints=(
            "CERTIFICATE_VERIFY_FAILED",
            "certificate verify failed",
            "WRONG_VERSION_NUMBER",
            "ssl:",
            "RECORD_LAYER_FAILURE",
            "[SSL",
        ),
    ),
    KnownFailure(
        "api-name",
        cause="webServer.addr is no address of this machine",
        step="Set webServer.addr to the address on which frpc serves its API",
        key="webServer.addr",
        prints=("no such host", "network is unreachable", "no route to host"),
    ),
)
