"""Rows about files: certificates, logs, and what a disk or the limit of open files does to them.

Facts: ``limit`` of open files.
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

_CERTIFICATE: Final = "transport.tls.certFile"

#: Certificates, keys and authorities.
TLS_FILES: Final = (
    KnownFailure(
        "tls-file-missing",
        cause="there is no file {path}",
        reasons=("its path is misspelt, or relative to another directory",),
        step="Correct certFile, keyFile or trustedCaFile; paths are relative to the directory the program starts in",
        key=_CERTIFICATE,
        prints=("open {path}: no such file or directory",),
    ),
    KnownFailure(
        "tls-file-forbidden",
        cause="the program may not read {path}",
        step="Let the user of the program read it (`chgrp`, `chmod g+r`), or run it as another user",
        key=_CERTIFICATE,
        prints=("open {path}: permission denied",),
    ),
    KnownFailure(
        "tls-key-encrypted",
        cause="the key in {path} is encrypted, and nobody is asked for its passphrase",
        step="Store the key without a passphrase: `openssl pkey -in {path} -out plain.key`",
        key="transport.tls.keyFile",
        prints=(
            "with key {path}: …bad decrypt",
            "with key {path}: …bad password read",
            "with key {path}: …BAD_DECRYPT",
        ),
    ),
    KnownFailure(
        "tls-key-mismatch",
        cause="the key in {key_path} is not that of the certificate in {path}",
        step="Name the key with which the certificate was made",
        key="transport.tls.keyFile",
        prints=(
            "cannot use certificate {path} with key {key_path}: …KEY_VALUES_MISMATCH",
            "cannot use certificate {path} with key {key_path}: …key values mismatch",
        ),
    ),
    KnownFailure(
        "tls-file-invalid",
        cause="{path} or {key_path} is no PEM file with a certificate and its key",
        step="Write the certificate and its key in PEM (they begin with -----BEGIN)",
        key=_CERTIFICATE,
        prints=("cannot use certificate {path} with key {key_path}: ",),
    ),
    KnownFailure(
        "ca-file-invalid",
        cause="{path} has no certificate in PEM",
        step="Name a file that begins with -----BEGIN CERTIFICATE----- in trustedCaFile",
        key="transport.tls.trustedCaFile",
        prints=('failed to parse CA certificate from file "{path}"',),
    ),
)

#: The log, and open files.
FILES: Final = (
    KnownFailure(
        "disk-full",
        cause="the disk is full",
        step="Free space on the disk of {path}; log.maxDays limits what is kept",
        key="log.maxDays",
        prints=(
            "cannot write the log file {path}: No space left on device",
            "cannot write the log file {path}: Disk quota exceeded",
        ),
    ),
    KnownFailure(
        "log-forbidden",
        cause="the program may not write {path}",
        step="Let the user of the program write to its directory, or set log.to to another file",
        key="log.to",
        prints=(
            "cannot write the log file {path}: Permission denied",
            "cannot write the log file {path}: Read-only file system",
        ),
    ),
    KnownFailure(
        "log-not-a-file",
        cause="{path} cannot be a log file: a part of it is a directory or a file",
        step="Set log.to to a file in a directory",
        key="log.to",
        prints=(
            "cannot write the log file {path}: Is a directory",
            "cannot write the log file {path}: Not a directory",
            "cannot write the log file {path}: File exists",
        ),
    ),
    KnownFailure(
        "open-files",
        cause="the program may have {limit} files open, and has nearly as many; each connection takes one or two",
        step="Raise the limit: LimitNOFILE=1048576 in the unit of systemd, or `ulimit -n` before the start",
        prints=("too many open files", "users are refused"),
    ),
)
