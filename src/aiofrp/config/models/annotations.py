"""The rules for a proxy's annotations: keys are Kubernetes qualified names, and the total size is limited
(docs/protocol/configuration.md §2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from aiofrp.config.golang.literals import to_bytes

#: Most bytes of all keys and values together, in UTF-8; the reference's limit.
MAX_SIZE = 256 * 1024

_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"

_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    f" character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
)
_DOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{_DOMAIN}')"
)


def annotation_problems(annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Check annotations. Yields a pair for each problem: its key, and the reference's error text.

    The key is empty for the problem of the total size.
    """
    for key in sorted(annotations):
        for text in name_problems(key.lower()):
            yield key, f"annotation key {key} is invalid: {text}"
    size = sum(len(to_bytes(key)) + len(to_bytes(value)) for key, value in annotations.items())
    if size > MAX_SIZE:
        yield "", f"annotations size {size} is larger than limit {MAX_SIZE}"


def name_problems(name: str) -> Iterator[str]:
    """Yield the reference's error text for each reason why ``name`` is no qualified name ``[prefix/]name``."""
    prefix, slash, rest = name.partition("/")
    if "/" in rest:
        optional = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        yield f"a qualified name {_NAME_RULE}{optional}"
        return
    if slash:
        yield from _prefix_problems(prefix)
    yield from _part_problems(rest if slash else name)


def _prefix_problems(prefix: str) -> Iterator[str]:
    if not prefix:
        yield "prefix part must be non-empty"
        return
    if len(prefix) > 253:
        yield "prefix part must be no more than 253 characters"
    if not re.fullmatch(_DOMAIN, prefix):
        yield f"prefix part {_DOMAIN_RULE}"


def _part_problems(name: str) -> Iterator[str]:
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 characters"
    if not re.fullmatch(_NAME, name):
        yield f"name part {_NAME_RULE}"
