"""Many small cases in one test: what pytest does around each of them would take longer than they do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

Test = Callable[..., None]


def every(cases: Iterable[Any], name: Callable[[Any], str] = repr) -> Callable[[Test], Test]:
    """Run a test for each case, in one test that fails with the first and names it.

    A tuple fills the first parameters of the test, anything else the first alone; what follows are fixtures. Of
    these ``tmp_path`` is a folder of each case's own, and ``monkeypatch`` is undone after each.
    """
    known = list(cases)

    def batch(test: Test) -> Test:
        parameters = list(inspect.signature(test).parameters.values())
        given = len(known[0]) if isinstance(known[0], tuple) else 1

        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            for number, case in enumerate(known):
                with ExitStack() as stack:
                    try:
                        test(*(case if given > 1 else [case]), **_own(fixtures, number, stack))
                    except BaseException as error:
                        error.add_note(f"case {number}: {name(case)}")
                        raise

        run.__signature__ = inspect.Signature(parameters[given:])  # type: ignore[attr-defined]  # what pytest reads
        return run

    return batch


def _own(fixtures: dict[str, Any], number: int, stack: ExitStack) -> dict[str, Any]:
    """The fixtures of one case."""
    own = dict(fixtures)
    if "tmp_path" in own:
        folder: Path = own["tmp_path"] / str(number)
        folder.mkdir()
        own["tmp_path"] = folder
    if "monkeypatch" in own:
        own["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
    return own
