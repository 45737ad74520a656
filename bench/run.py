"""The benchmark's command line: rounds over all pairs by turns, so that noise of the machine falls on all alike.

    scripts/bench --pair go=/opt/frp/frps,/opt/frp/frpc --pair aiofrp --scenario tls-mux

The first pair is the one the others are compared with.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import native
from bench.interpreter import described
from bench.pairs import HOST, ROOT, SCENARIOS, Commands, Pair, free_ports, wait_for_port
from bench.report import Measurement, Results, behind, render

#: Seconds of rest between two tests, for buffers to drain and closed connections to be forgotten.
_REST = 0.3
#: Seconds between the opening of the held connections and the look at memory.
_SETTLE = 2.0
#: With ``--gate``: the share of the first pair's figures that the others must reach.
GATE = 0.95
#: Bytes of a large body.
_LARGE = 64 << 20


@dataclass(frozen=True, slots=True)
class Test:
    """What the load generator is asked for, through which type of proxy, and figures made of what it says and what
    the pair used."""

    mode: str
    proxy: str = "tcp"
    connections: int = 1
    size: int = 64
    derive: Callable[[Measurement], Measurement] = lambda _: {}


def _per_gigabyte(m: Measurement) -> Measurement:
    return {"cpu_s_per_GB": m["cpu_s"] / (m["bytes"] / 1e9)} if m["bytes"] else {}


def _per_event(m: Measurement) -> Measurement:
    events = m["per_s"] * m["elapsed_s"]
    return {"cpu_us_each": m["cpu_s"] * 1e6 / events} if events else {}


def _lost(m: Measurement) -> Measurement:
    return {**_per_event(m), "lost_percent": 100 * m["lost"] / m["sent"]}


TESTS = {
    "down": Test("down", derive=_per_gigabyte),
    "up": Test("up", derive=_per_gigabyte),
    "ping": Test("ping", derive=_per_event),
    "ping32": Test("ping", connections=32, derive=_per_event),
    "conn": Test("conn", connections=16, derive=_per_event),
    "udp": Test("udp", "udp", connections=8, size=512, derive=_lost),
    "udpmany": Test("crowd", "udp", connections=1000, derive=_lost),
    "http": Test("http", "http", connections=32, size=1024, derive=_per_event),
    "httpclose": Test("httpclose", "http", connections=32, size=1024, derive=_per_event),
    "get64": Test("get", "http", size=_LARGE, derive=_per_gigabyte),
    "post64": Test("post", "http", size=_LARGE, derive=_per_gigabyte),
    "slowloris": Test("slowloris", "http", connections=8, size=1024),
    "https": Test("https", "https", derive=_per_gigabyte),
    "stcp": Test("down", "stcp", derive=_per_gigabyte),
    "xtcp": Test("down", "xtcp", derive=_per_gigabyte),
    "xtcpup": Test("up", "xtcp", derive=_per_gigabyte),
    "hold": Test("hold"),
}


def generate(test: Test, port: int, seconds: float, connections: int, program: Path | None) -> Iterator[str]:
    """Run the load generator: what it says on standard error, line by line, and at last its JSON."""
    arguments = ["--connections", connections, "--size", test.size, "--seconds", seconds]
    with subprocess.Popen(
        [*native.command(test.mode, program), f"{HOST}:{port}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            yield line
        out = process.stdout.read()
    if process.returncode:
        raise RuntimeError("the load generator failed:\n" + "".join(said))
    yield out


def measure(test: Test, pair: Pair, seconds: float, program: Path | None) -> Measurement:
    """One test of one pair."""
    port = pair.reach(test.proxy)
    before = pair.usage()
    *said, out = generate(test, port, seconds, test.connections, program)
    after = pair.usage()
    print(*said, sep="", end="", file=sys.stderr, flush=True)
    found: Measurement = {"elapsed_s": seconds} | json.loads(out)
    found["cpu_s"] = after.cpu - before.cpu
    return found | test.derive(found)


def measure_memory(pair: Pair, connections: int) -> Measurement:
    """Memory of a freshly started pair without and with idle connections."""
    pair.stop()
    pair.start()
    time.sleep(_SETTLE)
    base = pair.usage().memory
    full, out = base, "{}"
    for line in generate(TESTS["hold"], pair.reach("tcp"), 2 * _SETTLE, connections, None):
        if line == "holding\n":
            time.sleep(_SETTLE)
            full = pair.usage().memory
        out = line
    found: Measurement = json.loads(out)
    dead = connections - found["alive"]
    return found | {"dead": dead, "base_MB": base / 1e6, "kB_each": (full - base) / 1e3 / connections}


def run_test(name: str, pairs: list[Pair], options: argparse.Namespace) -> dict[str, list[Measurement]]:
    """All rounds of one test, every other one in reverse order; a failure is told and leaves a gap."""
    found: dict[str, list[Measurement]] = {pair.name: [] for pair in pairs}
    for number in range(options.rounds):
        for pair in pairs[:: 1 if number % 2 == 0 else -1]:
            try:
                found[pair.name].append(_once(name, pair, options))
            except RuntimeError as error:
                print(f"{pair.name}: {name}: {error}", file=sys.stderr, flush=True)
            time.sleep(_REST)
    return found


def _once(name: str, pair: Pair, options: argparse.Namespace) -> Measurement:
    if name == "hold":
        return measure_memory(pair, options.hold)
    return measure(TESTS[name], pair, options.seconds, options.native)


@contextlib.contextmanager
def load_server(port: int, program: Path | None) -> Iterator[int]:
    """The load generator's server."""
    process = subprocess.Popen(
        [*native.command("serve", program), f"{HOST}:{port}"], stdout=subprocess.DEVNULL, cwd=ROOT
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def run_scenario(name: str, options: argparse.Namespace) -> Results:
    """All tests of one scenario."""
    ports = free_ports()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frp-bench-")))
        echo = stack.enter_context(load_server(next(ports), options.native))
        pairs = []
        for commands in options.pair:
            pair = Pair(commands, SCENARIOS[name], folder, ports, echo, options.log_level)
            pair.start()
            stack.callback(pair.stop)
            pairs.append(pair)
        results: Results = {}
        for test in options.tests:
            if TESTS[test].proxy == "xtcp" and not SCENARIOS[name].hole:
                continue
            print(f"{name}: {test}", file=sys.stderr, flush=True)
            results[test] = run_test(test, pairs, options)
    return results


def machine() -> dict[str, Any]:
    """What the figures depend on besides the programs."""
    cpus = [
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")
    ]
    memory = next(
        (int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return {
        "cpu": cpus[0] if cpus else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_GB": memory * 1024 / 1e9,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": described(),
        "load": os.getloadavg()[0],
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def version(command: tuple[str, ...]) -> str:
    """What a program says of its version."""
    if not command:
        return ""
    return subprocess.run([*command, "-v"], capture_output=True, text=True, check=False).stdout.strip()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line as options; ends the program when it is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--pair",
        action="append",
        help="NAME=FRPS,FRPC with their command lines; or aiofrp (this checkout) or direct (no tunnel). "
        "Repeat it; the first is the one to compare with. Default: aiofrp",
    )
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="repeat it; default: all")
    parser.add_argument("--tests", default=",".join(TESTS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=3, help="of one test; default: %(default)s")
    parser.add_argument("--hold", type=int, default=1000, help="idle connections; default: %(default)s")
    parser.add_argument(
        "--log-level", default="info", help="of the programs; default: %(default)s, theirs too"
    )
    parser.add_argument(
        "--python-load", action="store_true", help="the load generator in Python for every test, none in C"
    )
    parser.add_argument(
        "--gate", action="store_true", help=f"fail where a pair is below {GATE} of the first one in any row"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="store every measurement")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="store the tables, too")
    options = parser.parse_args(arguments)
    try:
        options.pair = [Commands.parse(text) for text in options.pair or ["aiofrp"]]
    except (KeyError, ValueError) as error:
        parser.error(f"--pair: {error}: neither NAME=FRPS,FRPC nor aiofrp nor direct")
    for command in (command for pair in options.pair for command in (pair.frps, pair.frpc) if command):
        if shutil.which(command[0]) is None:
            parser.error(f"--pair: there is no program {command[0]}")
    options.tests = options.tests.split(",")
    if unknown := set(options.tests) - TESTS.keys():
        parser.error(f"--tests: no {', '.join(sorted(unknown))}; there are {', '.join(TESTS)}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the tables."""
    options = parse(arguments)
    options.native = None if options.python_load else native.program()
    run = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load_generator": native.described(options.native),
        "pairs": [pair.name for pair in options.pair],
        "versions": {pair.name: [version(pair.frps), version(pair.frpc)] for pair in options.pair},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "hold": options.hold,
        "scenarios": [],
    }
    for name in options.scenario or SCENARIOS:
        results = run_scenario(name, options)
        run["scenarios"].append({"name": name, "title": SCENARIOS[name].title, "results": results})
    if options.json:
        options.json.write_text(json.dumps(run, indent=1), encoding="utf-8")
    text = render(run)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    print(text, end="")
    lines = behind(run, GATE) if options.gate else []
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as failure:
        sys.exit(f"scripts/bench: {failure}")
