"""The catalogue of hints: every row can be found by what it says it is about, and is a whole sentence."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from aiofrp.errors import FrpError
from aiofrp.hints.catalogue import CATALOGUE, Place, find
from aiofrp.hints.entry import MOST_VALUE, Hint, KnownFailure, shown

ROWS = [(place, row) for place, rows in CATALOGUE.items() for row in rows]
#: Facts that places give without being asked for: each row may use them.
ALWAYS = {
    "connect": "host port where protocol tls mux wire now local_ip proxy_where peer_name",
    "login": "host port where protocol tls mux wire now peer_name",
    "admission": "address",
    "proxy": "name type remote_port domains subdomain holder",
    "visitor": "name type key address_key",
    "service": "host port where other other_host",
    "listen": "key address_key",
    "configuration": "beside",
    "command": "where port",
    "files": "limit",
}


def _part(found: re.Match[str]) -> str:
    """Something for a part of a text."""
    return {"number": "80", "network": "tcp"}.get(found[1], f"some-{found[1]}")


def example(row: KnownFailure, index: int = 0) -> tuple[str, dict[str, str]]:
    """An error that the row is about, and facts that hold then."""
    facts = {name: values.split("|")[0] for name, values in row.given.items()}
    text = re.sub(r"\{(\w+)\}", _part, row.prints[index]).replace("…", "any ") if row.prints else "failed"
    return text, facts


def test_codes_are_unique() -> None:
    rows = {id(row): row for _, row in ROWS}.values()
    twice = [code for code, count in Counter(row.code for row in rows).items() if count > 1]
    assert not twice
    assert len(list(rows)) > 100


@pytest.mark.parametrize("place", CATALOGUE)
def test_each_row_is_found_by_each_text_it_names(place: Place) -> None:
    """No row stands behind one that takes all of its errors."""
    for row in CATALOGUE[place]:
        found = []
        for index in range(len(row.prints) or 1):
            text, facts = example(row, index)
            hint = find(place, f"before: {text}; after", facts)
            assert hint is not None, row.code
            found.append(hint.code)
        assert row.code in found, f"{row.code} is hidden by {found}"


@pytest.mark.parametrize(("place", "row"), ROWS, ids=lambda value: getattr(value, "code", value))
def test_each_row_says_what_it_knows(place: Place, row: KnownFailure) -> None:
    names = set(ALWAYS[place].split()) | set(row.given)
    for text in row.prints:
        own = names | set(re.findall(r"\{(\w+)\}", text))
    for text in (row.cause, row.step, row.key, *row.reasons):
        used = set(re.findall(r"(?<!\{)\{(\w+)\}(?!\})", text))
        assert used <= (own if row.prints else names), f"{row.code} uses {used}"
        assert not text.endswith("."), f"{row.code}: the final dot is added"
    assert row.step[0].isupper()
    assert len(row.cause) + len(row.step) < 320, "two lines of a terminal"


def test_the_first_row_that_applies_is_taken() -> None:
    refused = "dial tcp 127.0.0.1:7000: connect: connection refused"
    tcp = {"protocol": "tcp", "where": "127.0.0.1:7000"}
    assert code(find("connect", refused, tcp)) == "server-refused"
    assert code(find("connect", refused, {**tcp, "protocol": "kcp"})) == "kcp-refused"
    assert code(find("connect", refused, {**tcp, "proxy": "environment"})) == "proxy-of-environment"
    assert code(find("connect", refused, {**tcp, "proxy": "file"})) == "proxy-down"
    assert find("connect", "nothing known") is None


def code(hint: Hint | None) -> str:
    assert hint is not None
    return hint.code


def test_parts_of_the_text_and_facts_stand_in_the_hint() -> None:
    text = "custom domain [a.frp.test] should not belong to subdomain host [frp.test]"
    hint = find("proxy", text, {"name": "web"})
    assert hint is not None
    assert hint.cause == "a.frp.test lies below the domain that frps keeps for subdomains (frp.test)"
    assert str(hint) == f"hint: {hint.cause}. {hint.step}."


def test_what_a_peer_chose_is_short_and_printable() -> None:
    assert shown("a\x1b[2J\nb") == "a?[2J?b"
    assert len(shown("x" * 10_000)) == MOST_VALUE + 1
    hint = find("proxy", f"proxy [{'{0.__class__}' * 20}] already exists", {"name": "{name.x}"})
    assert hint is not None
    assert len(str(hint)) < 400
    assert find("proxy", "x" * 1_000_000) is None, "only the beginning is searched"


def test_texts_that_take_long_to_match_do_not() -> None:
    """Hostile texts cost little: no pattern goes back and forth."""
    import time

    for text in (
        "socks connect tcp " * 200,
        "listen tcp [" * 300,
        ": bind: " * 400,
        "[" * 3000,
        "dial unix " * 300,
    ):
        begin = time.process_time()
        for place in CATALOGUE:
            find(place, text, {"proxy": "file"})
        assert time.process_time() - begin < 1, text[:20]


def test_an_error_shows_its_hint_after_its_text() -> None:
    error = FrpError("port already used")
    assert str(error) == error.text == "port already used"
    error.hint = find("proxy", error.text, {"remote_port": "6000"})
    first, second = str(error).splitlines()
    assert (first, error.text) == ("port already used", "port already used")
    assert second.startswith("hint: another proxy of this frps has the port 6000. ")


def test_rows_with_evidence_come_before_those_without() -> None:
    """A row that any error of a text leads to must not hide one that knows more."""
    for rows in CATALOGUE.values():
        for first, second in pairwise(rows):
            if first.prints and set(second.prints) & set(first.prints):
                assert first.given or not second.given, f"{first.code} hides {second.code}"
