"""The long fuzz run: mutates known inputs and feeds them to every target for some seconds each.

Inputs start from the recordings in ``tests/vectors/wire`` and from the kept seeds. On Python 3.12 and
newer a mutation that reaches a line no input reached before joins them, in ``build/fuzz/<target>``, also
for the next run. An input that breaks a target is written to ``tests/fuzz/seeds/<target>``, where the test
suite replays it for ever after. What counts as broken is any exception but ``RemoteProtocolError``, more
than 2 s for one input, or more than 2 GiB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

from aiofrp.errors import RemoteProtocolError
from tests.fuzz.targets import TARGETS

Target = Callable[[bytes], None]

ROOT = Path(__file__).parent.parent.parent
SEEDS = ROOT / "tests" / "fuzz" / "seeds"
CORPUS = ROOT / "build" / "fuzz"
RECORDINGS = ROOT / "tests" / "vectors" / "wire"

#: Bytes of the longest input; longer ones find little and cost much.
MAX_INPUT = 1 << 16
#: Seconds one input may take.
MAX_SECONDS = 2.0
#: Bytes of address space, so that an unbounded buffer ends in MemoryError.
MAX_MEMORY = 2 << 30

#: Numbers on which length fields tend to break.
_EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 10240, 10241, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


class Mutator:
    """Makes new inputs of old ones. The same random seed gives the same inputs."""

    __slots__ = ("_inputs", "_random")

    def __init__(self, inputs: list[bytes], chance: random.Random) -> None:
        self._inputs = inputs
        self._random = chance

    def __call__(self) -> bytes:
        """A known input after one to six changes."""
        data = bytearray(self._random.choice(self._inputs))
        for _ in range(self._random.randint(1, 6)):
            self._random.choice(_CHANGES)(self, data)
        return bytes(data[:MAX_INPUT])

    def _place(self, data: bytearray) -> int:
        return self._random.randint(0, len(data))

    def _piece(self, data: bytes | bytearray) -> bytes:
        start, end = sorted((self._random.randint(0, len(data)), self._random.randint(0, len(data))))
        return bytes(data[start:end])

    def flip_bit(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def set_byte(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] = self._random.randrange(256)

    def set_number(self, data: bytearray) -> None:
        size, order = self._random.choice((1, 2, 4, 8)), self._random.choice(("big", "little"))
        number = self._random.choice(_EDGES) % (1 << 8 * size)
        place = self._place(data)
        data[place : place + size] = number.to_bytes(size, "big" if order == "big" else "little")

    def insert(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._random.randbytes(self._random.randint(1, 16))

    def remove(self, data: bytearray) -> None:
        place = self._place(data)
        del data[place : place + self._random.randint(1, max(1, len(data) // 4))]

    def repeat(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._piece(data)[:4096]

    def splice(self, data: bytearray) -> None:
        data[self._place(data) :] = self._piece(self._random.choice(self._inputs))


_CHANGES: list[Callable[[Mutator, bytearray], None]] = [
    Mutator.flip_bit,
    Mutator.set_byte,
    Mutator.set_number,
    Mutator.insert,
    Mutator.remove,
    Mutator.repeat,
    Mutator.splice,
]


class Coverage:
    """Counts the lines of the package that ran for the first time. Before Python 3.12 it counts nothing."""

    _once: object = None

    def __init__(self) -> None:
        self.lines = 0
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            monitoring.use_tool_id(monitoring.COVERAGE_ID, "fuzz")
            monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, self._line)
            monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)
            self._once = monitoring.DISABLE

    def restart(self) -> None:
        """Count every line anew: what one target reached is new to the next."""
        if sys.version_info >= (3, 12):
            sys.monitoring.restart_events()

    def _line(self, code: CodeType, _line: int) -> object:
        if f"{ROOT}/src/" in code.co_filename:
            self.lines += 1
        # Told to be silent after its first time, a line costs nothing any more.
        return self._once


def recorded() -> Iterator[bytes]:
    """Every string of hexadecimal digits in the recordings, as bytes."""
    for path in sorted(RECORDINGS.glob("*.json")):
        yield from _hex_strings(json.loads(path.read_text(encoding="utf-8")))


def _hex_strings(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _hex_strings(item)
    elif isinstance(value, str) and value:
        try:
            yield bytes.fromhex(value)[:MAX_INPUT]
        except ValueError:
            return


def kept(folder: Path) -> list[bytes]:
    """The inputs stored in a folder."""
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def keep(folder: Path, data: bytes) -> Path:
    """Store an input under the name of its content."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def feed(target: Target, data: bytes) -> None:
    """One input, within the time it may take; raises what broke."""
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    try:
        target(data)
    except RemoteProtocolError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def fuzz(name: str, target: Target, seconds: float, chance: random.Random, coverage: Coverage) -> bool:
    """Run one target; prints what it did and gives whether it held."""
    inputs = [b"", *recorded(), *kept(SEEDS / name), *kept(CORPUS / name)]
    mutate, old, runs = Mutator(inputs, chance), iter(list(inputs)), 0
    known = len(inputs)
    coverage.restart()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data, lines = next(old, None), coverage.lines
        new = data is None
        data = mutate() if data is None else data
        try:
            feed(target, data)
        except Exception:  # noqa: BLE001 - whatever a target raises is what this run looks for
            print(f"{name}: BROKEN by {keep(SEEDS / name, data).relative_to(ROOT)}\n{traceback.format_exc()}")
            return False
        runs += 1
        if new and coverage.lines > lines:
            inputs.append(data)
            keep(CORPUS / name, data)
    found = len(inputs) - known
    print(
        f"{name}: held {runs} inputs ({runs / seconds:.0f}/s), kept {found} that reached new lines",
        flush=True,
    )
    return True


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"one input took more than {MAX_SECONDS} s")


def main() -> int:
    """The command line; 1 when a target broke."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Feed random bytes to every decoder.")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, help="of the random numbers, to repeat a run")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    options = parser.parse_args()
    if unknown := set(options.targets) - TARGETS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, resource.RLIM_INFINITY))
    coverage = Coverage()
    names = options.targets or list(TARGETS)
    chance = random.Random(seed)
    held = [fuzz(name, TARGETS[name], options.seconds, chance, coverage) for name in names]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
