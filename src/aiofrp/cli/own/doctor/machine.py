"""Checks of this machine: versions, open files, the clock, the log."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import ssl
import sys
import time
from pathlib import Path

from aiofrp.cli.own.doctor.report import Finding, Report, fix_of, note, ok, problem, skipped, warning
from aiofrp.compiled.facts import in_words
from aiofrp.config.models.shared import LogConfig
from aiofrp.hints.catalogue import find
from aiofrp.transport.files import file_limit, raise_file_limit
from aiofrp.version import FRP_VERSION, __version__

#: Open files that are enough for a few hundred users.
_ENOUGH_FILES = 4096
#: Bytes of free disk space that are too few for a log.
_LITTLE_SPACE = 100 * 1024 * 1024
#: The processor's features that AES-GCM uses since that version of OpenSSL, in the words of Linux.
_VECTOR_AES, _VECTOR_AES_SINCE = frozenset({"avx512f", "vaes", "vpclmulqdq"}), (3, 1)
#: What ``adjtimex`` returns while the clock follows no other (adjtimex(2)), and the size of its structure.
_TIME_ERROR, _TIMEX = 5, 512


def check_machine(report: Report, log: LogConfig) -> None:
    """Do all checks of the machine."""
    report.add("versions", note(versions()))
    report.add("open files", files())
    report.add("clock", clock(time.time()))
    report.add("encryption", encryption(ssl.OPENSSL_VERSION_INFO[:2], _processor_features()))
    if log.to != "console":
        report.add("log", log_file(log.to))


def versions() -> str:
    """What runs here."""
    own = f"aiofrp {__version__} (frp {FRP_VERSION}; {in_words()})"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{own}, {python}, {ssl.OPENSSL_VERSION}, {platform.platform()}"


def files() -> Finding:
    """The limit of open files, as a server or client here would have it."""
    raise_file_limit()
    limit = file_limit()
    if limit == sys.maxsize:
        return ok("this system has no limit")
    text = f"{limit:,} at once; a connection needs one or two"
    if limit < _ENOUGH_FILES:
        hint = find("files", "too many open files", {"limit": str(limit)})
        return warning(text, hint.step if hint is not None else "")
    return ok(text)


def clock(now: float) -> Finding:
    """Whether the clock can be right: certificates and OIDC tokens are judged by it."""
    made = Path(__file__).stat().st_mtime
    when = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    if now < made - 86400:
        return problem(f"{when} is before this program was installed", "set the clock, by NTP if you can")
    if (synchronized := _synchronized()) is None:
        return ok(when)
    if not synchronized:
        return warning(f"{when}; no time server sets it", "turn on NTP: `timedatectl set-ntp true`")
    return ok(f"{when}, synchronized")


def _synchronized() -> bool | None:
    """Whether the kernel's clock follows a time server; ``None`` where that is not known."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))  # all zero: read only
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def encryption(openssl: tuple[int, ...], features: frozenset[str]) -> Finding:
    """Whether TLS uses what this processor has for AES. ``openssl``: major and minor version."""
    if openssl < _VECTOR_AES_SINCE and features >= _VECTOR_AES:
        return note(
            f"OpenSSL {openssl[0]}.{openssl[1]} does not use this processor's vector instructions for AES. With a "
            "Python that has 3.1 or newer, bulk data over TLS takes a quarter less processor time"
        )
    return ok(ssl.OPENSSL_VERSION)


def _processor_features() -> frozenset[str]:
    """What the kernel says that the processor can do, in its words; empty where it does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            line = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(line.partition(":")[2].split())


def log_file(path: str) -> Finding:
    """Whether the log can be written."""
    folder = Path(path).absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    target = path if os.path.exists(path) else str(folder)
    if not os.access(target, os.W_OK):
        hint = find("files", f"cannot write the log file {target}: Permission denied")
        return problem(f"{target} cannot be written", fix_of(hint))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return skipped(str(error))
    if free < _LITTLE_SPACE:
        return warning(f"only {free // 1024**2} MiB are free for {path}", "make space, or lower log.maxDays")
    return ok(f"{path}, {free // 1024**3} GiB free")
