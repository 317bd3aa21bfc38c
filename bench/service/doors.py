"""``python bench/service/doors.py before=CHECKOUT now=.``: versions in turns, straight and through their proxies.

Each checkout has its own ``.venv`` and runs its own programs: on Unix sockets if it knows them, else on TCP ports. What
is compared runs one after the other, a few seconds each, so that whatever else the machine does falls on all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from generator import Connection, Work, encoded, load, request
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from scenarios import FLOW, point_reads, write_path
from targets import database

CONNECTIONS = (1, 8, 32)
WARM_SECONDS = 0.3
START_SECONDS = 120
RUNS = 200
MODULES = {"service": "/service", "ui_backend": "/api"}  # and where the proxy has them
LOADS: dict[str, tuple[str, Callable[[str, int], Work]]] = {
    "writes of a client": ("service", lambda prefix, _: write_path(prefix)),
    "reads of one run": ("service", lambda prefix, number: point_reads([f"{prefix}/flows/{FLOW}/runs/1"], number)),
    "list of 30 runs": ("ui_backend", lambda prefix, number: point_reads([f"{prefix}/runs?_limit=30"], number)),
}
APPLY = """
import sys, psycopg
from metaflow_anywhere.database import schema
with psycopg.connect(sys.argv[1], autocommit=True) as connection: schema.apply(connection)
"""
CONFIGURE = """
import sys
from pathlib import Path
from metaflow_anywhere.edge import caddyfile
folder, port, service, ui = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
status, pages = folder / "status.sock", Path("pages")
print(caddyfile(stack_id="bench", port=port, service=service, ui=ui, status=status, pages=pages))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def answers(place: int | Path, path: str) -> bool:
    with contextlib.suppress(OSError, RuntimeError):
        connection = Connection(place)
        connection.ask(request(b"GET", path.encode()))
        connection.close()
        return True
    return False


@dataclass
class Programs:
    """Where each of a version's programs answers, and their processes."""

    where: dict[str, int | Path] = field(default_factory=dict)
    processes: list[psutil.Process] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        return float(sum(sum(one.cpu_times()[:2]) for one in self.processes))


@contextlib.contextmanager
def version(name: str, checkout: Path, server: str) -> Iterator[Programs]:
    """Service, UI backend and proxy of one checkout on a database of their own; yields where each is."""
    python = checkout / ".venv" / "bin" / "python"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    conninfo = make_conninfo(server, dbname=name)
    subprocess.run([python, "-c", APPLY, conninfo], check=True, cwd=checkout)
    parts = conninfo_to_dict(conninfo)
    names = {"HOST": "host", "PORT": "port", "USER": "user", "NAME": "dbname"}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mfa-doors-", dir="/tmp")))
        environment = {
            **os.environ, **{f"MF_METADATA_DB_{key}": str(parts[value]) for key, value in names.items()},
            "MF_UI_CACHE_DIR": str(folder), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        }  # fmt: skip
        log = stack.enter_context((folder / "log").open("wb"))

        def run(*command: str | Path) -> None:
            process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL, stderr=log)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            programs.processes.append(psutil.Process(process.pid))

        programs = Programs()
        places = programs.where
        for module in MODULES:
            usage = [python, "-m", f"metaflow_anywhere.{module}", "--help"]
            told = subprocess.run(usage, cwd=checkout, capture_output=True, text=True, check=True).stdout
            knows = "--socket" in told
            places[module] = place = folder / f"{module}.sock" if knows else free_port()
            run(python, "-m", f"metaflow_anywhere.{module}", "--socket" if knows else "--port", str(place))
        named = [f"127.0.0.1:{one}" if isinstance(one, int) else f"unix/{one}" for one in places.values()]
        places["proxy"] = free_port()
        configure = [python, "-c", CONFIGURE, folder, str(places["proxy"]), *named]
        configuration = subprocess.run(configure, cwd=checkout, capture_output=True, text=True, check=True).stdout
        (folder / "Caddyfile").write_text(configuration)
        run(python.with_name("caddy"), "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile")
        asked = {**{name: (places[name], "/ping") for name in MODULES}, "proxy": (places["proxy"], "/service/ping")}
        until = time.monotonic() + START_SECONDS
        while waiting := [name for name, (place, path) in asked.items() if not answers(place, path)]:
            if time.monotonic() > until:
                raise TimeoutError(f"{waiting} of {checkout}: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        connection = Connection(places["service"])
        by = encoded({"user_name": "ann", "tags": ["bench"], "system_tags": ["user:ann", "runtime:dev"]})
        connection.ask(request(b"POST", f"/flows/{FLOW}".encode(), by))
        for _ in range(RUNS):
            connection.ask(request(b"POST", f"/flows/{FLOW}/run".encode(), by))
        connection.close()
        yield programs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("versions", nargs="+", metavar="NAME=CHECKOUT")
    parser.add_argument("--rounds", type=int, default=3, help="medians are kept (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load (%(default)s)")
    parser.add_argument("--only", default="", help='a load and a way, such as "writes of a client, straight"')
    options = parser.parse_args()
    checkouts = {name: Path(path).absolute() for name, _, path in (one.partition("=") for one in options.versions)}
    rates: dict[tuple[str, str, int, str], list[float]] = defaultdict(list)
    middles: dict[tuple[str, str, int, str], list[float]] = defaultdict(list)
    costs: dict[tuple[str, str, int, str], list[float]] = defaultdict(list)
    wrong = 0
    before = os.getloadavg()[0]
    with database() as server, contextlib.ExitStack() as stack:
        places = {name: stack.enter_context(version(name, checkout, server)) for name, checkout in checkouts.items()}
        for _ in range(options.rounds):
            for what, (module, work) in LOADS.items():
                for way, prefix in (("straight", ""), ("proxy", MODULES[module])):
                    if options.only not in f"{what}, {way}":
                        continue
                    for connections in CONNECTIONS:
                        for name in checkouts:
                            place = places[name].where[module if way == "straight" else "proxy"]
                            load(place, [work(prefix, n) for n in range(connections)], WARM_SECONDS)
                            cpu = places[name].cpu_seconds()
                            sample = load(place, [work(prefix, n) for n in range(connections)], options.seconds)
                            cpu = places[name].cpu_seconds() - cpu
                            costs[what, way, connections, name].append(cpu * 1000 / len(sample.latencies))
                            rates[what, way, connections, name].append(sample.per_second)
                            middles[what, way, connections, name].append(sample.percentile(50))
                            if sample.wrong:
                                wrong += sample.wrong
                                print(f"{name}, {what}, {way}, {connections}: {sample.wrong} wrong, such as", end=" ")
                                print(sample.first_wrong.decode(errors="replace").replace("\r\n", " / ")[:300])
    print(
        f"{os.cpu_count()} cores, load {before:.1f} before, {os.getloadavg()[0]:.1f} after; {options.rounds} rounds of "
        f"{options.seconds:g} s; medians: requests/s (p50 ms; CPU ms of a request in program and proxy); "
        f"wrong answers: {wrong}\n"
    )
    first, *others = checkouts
    print("|", " | ".join(["load", "way", "connections", *checkouts, *(f"{one} / {first}" for one in others)]), "|")
    print("|---|---|" + "--:|" * (1 + len(checkouts) + len(others)))
    for what, way, connections in dict.fromkeys(key[:3] for key in rates):
        cells = [
            f"{statistics.median(rates[what, way, connections, name]):.0f} "
            f"({statistics.median(middles[what, way, connections, name]):.2f}; "
            f"{statistics.median(costs[what, way, connections, name]):.2f})"
            for name in checkouts
        ]
        base = rates[what, way, connections, first]
        for name in others:
            turns = zip(rates[what, way, connections, name], base, strict=True)
            cells.append(f"{statistics.median(now / then for now, then in turns):.2f}")
        print(f"| {what} | {way} | {connections} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
