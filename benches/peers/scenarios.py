"""What is measured: every scenario runs the tools in turn, round after round, and returns tables."""

import copy
import math
import os
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, replace

from machine import CLIENT_CORE, SERVER_CORE, Cost, Failed
from servers import Nginx, Truthd
from tables import Table, number, spread
from tools import Load

median = statistics.median
SENT = 0.98


@dataclass
class Sample:
    """One run: its cost, the requests the server counted, and what the tool printed."""

    cost: Cost
    requests: int
    output: str


@dataclass
class Pair:
    """A short and a long run of the same load: their difference is the cost of requests alone."""

    short: Sample
    long: Sample

    def each(self, part="cpu"):
        """µs per request of the long run, start and end of the program included."""
        return getattr(self.long.cost, part) / self.long.requests

    def further(self, part="cpu"):
        """µs per further request: the slope from the short to the long run."""
        more = self.long.requests - self.short.requests
        if more <= 0:
            raise Failed("its long run sent no more than its short one")
        return (getattr(self.long.cost, part) - getattr(self.short.cost, part)) / more


class Bench:
    """The tools, the servers, how often and how long to measure, and whether also what takes many minutes."""

    def __init__(self, tools, runner, rounds, seconds, long=False):
        self.tools, self.runner, self.rounds, self.seconds, self.long = tools, runner, rounds, seconds, long
        self.servers, self.pairs, self.remarks = [], {}, Counter()
        try:
            self.nginx = self.serve(Nginx(runner.folder))
            self.truthd = self.serve(Truthd(runner.folder))
            self.truth = self.serve(Truthd(runner.folder, record=True))
        except BaseException:
            self.close()
            raise

    def using(self, tools):
        """The same servers, measured with other tools."""
        other = copy.copy(self)
        other.tools, other.pairs, other.remarks = tools, {}, Counter()
        return other

    def serve(self, server):
        self.servers.append(server)
        return server

    def close(self):
        for server in self.servers:
            server.stop()

    def once(self, name, load, server, cores=(CLIENT_CORE,), limit=120, share=SENT):
        """Runs one tool once; a run in which less than this share of the requests arrived gives no figure."""
        tool = self.tools[name]
        before = server.count()
        command = tool.command(tool.program, load, self.runner.folder)
        cost, output = self.runner.run(command, cores, limit, tool.accepted)
        if cost.code:
            self.remarks[name, cost.code] += 1
        requests = server.count() - before
        if requests < (1 if tool.timed else load.requests * share):
            raise Failed(f"the server saw {requests:,} of {load.requests:,} requests")
        return Sample(cost, requests, output)

    def calibrate(self, name, load, server, cores=(CLIENT_CORE,)):
        """The same load with as many requests as take `seconds`."""
        if self.tools[name].timed:
            return replace(load, seconds=max(2, self.seconds))
        load = replace(load, requests=max(1000, 4 * load.connections * load.streams))
        while True:
            taken = self.once(name, load, server, cores).cost.seconds
            enough = taken > self.seconds / 2
            requests = max(4 * load.connections, int(load.requests * (self.seconds / taken if enough else 4)))
            load = replace(load, requests=requests // load.connections * load.connections)
            if enough:
                return load

    def pair(self, name, load, server, cores=(CLIENT_CORE,)):
        """A short run and a long one, a third and all of a calibrated load."""
        requests = load.requests // 3 // load.connections * load.connections
        short = replace(load, requests=max(requests, load.connections), seconds=1)
        pair = Pair(self.once(name, short, server, cores), self.once(name, load, server, cores))
        pair.further()
        return pair

    def rotate(self, about, names, prepare, measure, rounds=None):
        """Measures the tools in turn: results by tool, and one line for each tool that gave none."""
        loads, results, failed = {}, {}, []
        self.remarks.clear()

        def attempt(name, work):
            try:
                return work()
            except (Failed, OSError, KeyError, ValueError) as error:
                text = str(error) if isinstance(error, Failed) else f"its output was not understood: {error!r}"
                failed.append(f"{name}: {text}")
                loads.pop(name, None)
                results.pop(name, None)
                return None

        print(f"{about} ...", file=sys.stderr, flush=True)
        for name in names:
            loads[name] = attempt(name, lambda: prepare(name))
        for _ in range(rounds or self.rounds):
            for name in [name for name, load in loads.items() if load is not None]:
                result = attempt(name, lambda: measure(name, loads[name]))
                if result is not None:
                    results.setdefault(name, []).append(result)
        failed += [f"{name}: {count} of its runs ended with exit code {code}" for (name, code), count in self.remarks.items()]
        return {name: results[name] for name in loads if name in results}, failed

    def here(self, *names):
        """The names of tools that are installed."""
        return [name for name in names if name in self.tools]

    def compare(self, title, names, load, server, key=None):
        """CPU per request of tools that send the same load in a closed loop, as a table."""
        pairs, failed = self.rotate(
            title, names,
            lambda name: self.calibrate(name, load, server),
            lambda name, load: self.pair(name, load, server),
        )  # fmt: skip
        if key:
            self.pairs[key] = pairs
        base = next((name for name in ("wrk", "h2load") if name in pairs), None)
        columns = ["client", "CPU µs/request", "user", "system", f"÷ {base} [min–max]"]
        columns += ["µs per further request", f"÷ {base}", "user of it", f"÷ {base}", "requests/s", "peak RSS MB"]
        table = Table(title, columns, notes=failed)
        for name, rounds in pairs.items():
            against = list(zip(rounds, pairs.get(base, []), strict=False))
            table.add(
                name,
                *(number(median(pair.each(part) for pair in rounds)) for part in ("cpu", "user", "system")),
                spread([one.each() / other.each() for one, other in against]),
                *(cell for part in ("cpu", "user") for cell in further(rounds, against, part)),
                f"{median(pair.long.requests / pair.long.cost.seconds for pair in rounds):,.0f}",
                number(median(pair.long.cost.memory for pair in rounds) / 1024),
            )
        return table


def further(rounds, against, part):
    """Median of a part of what further requests cost, and of its ratio to the base."""
    ratios = [one.further(part) / other.further(part) for one, other in against]
    return number(median(pair.further(part) for pair in rounds)), spread(ratios, brackets=False)


def local(server, path="/", scheme="http", port=None):
    return f"{scheme}://127.0.0.1:{port or server.plain}{path}"


def closed(bench):
    names = bench.here("iter8", "wrk", "h2load", "fortio", "oha", "hey", "k6")
    for connections in (1, 50, 1000):
        title = f"HTTP/1.1 keep-alive, closed loop, 2-byte body, connections: {connections:,} (nginx)"
        load = Load(local(bench.nginx), connections=connections)
        yield bench.compare(title, names, load, bench.nginx, key=connections)


def bodies(bench):
    names = bench.here("iter8", "wrk", "fortio", "oha")
    about = {"/10k": "with Content-Length", "/chunked": "in four chunks", "/gzip": "sent compressed with gzip"}
    for path, how in about.items():
        title = f"HTTP/1.1, 10 KiB body {how}, 50 connections (truthd)"
        yield bench.compare(title, names, Load(local(bench.truthd, path), connections=50), bench.truthd)


def tls(bench):
    url = local(bench.nginx, scheme="https", port=bench.nginx.tls)
    title = "HTTPS keep-alive, TLS 1.3, 2-byte body, 50 connections (nginx)"
    names = bench.here("iter8", "wrk", "h2load", "fortio", "oha")
    yield bench.compare(title, names, Load(url, connections=50), bench.nginx)


def h2(bench):
    url = local(bench.nginx, scheme="https", port=bench.nginx.tls2)
    title = "HTTP/2 over TLS, 50 connections with one stream each (nginx; hey uses one connection for all)"
    names = bench.here("iter8", "h2load", "fortio", "oha", "hey")
    yield bench.compare(title, names, Load(url, connections=50, http="2"), bench.nginx)
    title = "HTTP/2 in plaintext (h2c), 50 connections with one stream each (truthd)"
    load = Load(local(bench.truthd), connections=50, http="h2c")
    yield bench.compare(title, bench.here("iter8", "h2load", "fortio", "oha"), load, bench.truthd)
    title = "HTTP/2 in plaintext (h2c), one connection with 50 streams (truthd)"
    load = Load(local(bench.truthd), connections=1, http="h2c", streams=50)
    yield bench.compare(title, bench.here("iter8", "h2load", "oha"), load, bench.truthd)


def slots(truth, load, surplus):
    """Arrivals without the tool's own extra ones, and the evenly spaced due instants that fit them best."""
    arrivals = truth.arrivals[surplus:]
    if not arrivals:
        raise Failed("no request arrived")
    before = [at for at in arrivals if not truth.stall_begin or at < truth.stall_begin]
    offset = median(at - number / load.rate for number, at in enumerate(before))
    return arrivals, [offset + number / load.rate for number in range(load.requests)]


def quantile(values, share):
    """The smallest value that at least this share of the values does not exceed."""
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)]


def variants(bench, wanted):
    """Tools under several sets of arguments: label → (tool, arguments)."""
    return {label: value for label, value in wanted.items() if value[0] in bench.tools}


def paced(bench):
    wanted = variants(bench, {
        "iter8": ("iter8", ()), "oha -q": ("oha", ()), "fortio -qps": ("fortio", ()),
        "fortio -qps -uniform": ("fortio", ("-uniform",)), "hey -q": ("hey", ()), "k6 constant-arrival-rate": ("k6", ()),
    })  # fmt: skip

    def run(label, load):
        name = wanted[label][0]
        bench.truth.reset()
        cost = bench.once(name, load, bench.truth, limit=60, share=0).cost
        arrivals, due = slots(bench.truth.truth(), load, bench.tools[name].surplus)
        late = [abs(at - slot) * 1e6 for at, slot in zip(arrivals, due, strict=False)]
        cpu = cost.cpu / 1e4 / (load.requests / load.rate)
        return quantile(late, 0.5), quantile(late, 0.99), len(arrivals), cpu

    for rate in (1000, 10000):
        load = Load(local(bench.truth), requests=3 * rate, connections=50, rate=rate)
        title = f"Paced at {rate:,}/s for 3 s, 50 connections: how far sends are from their due instants (truthd)"
        results, failed = bench.rotate(title, wanted, lambda label: replace(load, extra=wanted[label][1]), run)
        columns = ["client", "send error p50 µs [min–max]", "p99 µs [min–max]", f"arrived of {load.requests:,}", "CPU %"]
        table = Table(title, columns, notes=failed)
        for label, rounds in results.items():
            p50, p99, arrived, cpu = zip(*rounds, strict=True)
            table.add(label, spread(p50), spread(p99), f"{median(arrived):,.0f}", number(median(cpu)))
        yield table


def errors(reported, true, brackets=True):
    """How far the reported values are from the true ones, in percent."""
    values = [100 * (said / was - 1) for said, was in zip(reported, true, strict=True)]
    text = f"{median(values):+.1f} %"
    return f"{text} [{min(values):+.1f} to {max(values):+.1f}]" if brackets else text


def stall(bench):
    wanted = variants(bench, {
        "iter8, 50 connections": ("iter8", ("--reports", "csv")),
        "iter8, maxConnections 1,000": ("iter8", ("--reports", "csv", "--maxConnections", "1000")),
        "fortio -qps -uniform": ("fortio", ("-uniform",)),
        "oha -q": ("oha", ()),
        "oha -q --latency-correction": ("oha", ("--latency-correction",)),
    })  # fmt: skip
    load = Load(local(bench.truth), requests=5000, connections=50, rate=1000)

    def run(label, load):
        tool = bench.tools[wanted[label][0]]
        bench.truth.reset()
        bench.truth.stall(500, after=2000 + tool.surplus)
        sample = bench.once(wanted[label][0], load, bench.truth, limit=60, share=0)
        reported = tool.reported(bench.runner.folder, sample.output)
        truth = bench.truth.truth()
        arrivals, due = slots(truth, load, tool.surplus)
        answers = truth.answers[tool.surplus :]
        usual = max(0, median(answer - at for answer, at in zip(answers, arrivals, strict=True)))
        schedule = [max(usual, truth.stall_end - at) if at >= truth.stall_begin else usual for at in due]
        seen = [answer - at for answer, at in zip(answers, due, strict=False)]
        within = sum(truth.stall_begin <= at <= truth.stall_end for at in arrivals)
        true = [[quantile(values, share) * 1e3 for share in (0.95, 0.99)] for values in (schedule, seen)]
        return *reported, *true[0], *true[1], within

    title = "One stall of 500 ms under 1,000/s for 5 s, 50 connections (truthd)"
    results, failed = bench.rotate(title, wanted, lambda label: replace(load, extra=wanted[label][1]), run)
    columns = ["client", "reported p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "arrived in the stall (500 due)"]
    said = Table(f"{title}: what is reported", columns, notes=failed)
    columns = ["client", "p95 ms", "reported", "p99 ms", "reported [min–max]", "p99 ms by the schedule", "reported [min–max]"]
    was = Table(f"{title}: what was, at the server, and how far from it the report is", columns)
    for label, rounds in results.items():
        p50, p95, p99, p999, _, due99, true95, true99, within = zip(*rounds, strict=True)
        said.add(label, *(number(median(values)) for values in (p50, p95, p99, p999)), f"{median(within):,.0f}")
        was.add(
            label, number(median(true95)), errors(p95, true95, brackets=False),
            number(median(true99)), errors(p99, true99), number(median(due99)), errors(p99, due99),
        )  # fmt: skip
    yield said
    yield was


def memory(bench):
    title = "Peak RSS in MB at 1,000 connections, by requests (truthd, one run each)"
    counts = (100_000, 1_000_000, 10_000_000)
    table = Table(title, ["client"] + [f"{count:,}" for count in counts])

    def run(name, count):
        load = Load(local(bench.truthd), requests=count, connections=1000)
        return bench.once(name, load, bench.truthd, limit=1200).cost.memory / 1024

    cells = {}
    for count in counts:
        names = bench.here("iter8", "h2load", "fortio", "oha", "hey", "k6") if count < counts[-1] else ["iter8"]
        results, failed = bench.rotate(f"{title}: {count:,}", names, lambda name: count, run, rounds=1)
        table.notes += [f"{count:,}: {line}" for line in failed]
        for name, rounds in results.items():
            cells.setdefault(name, {})[count] = number(rounds[0])
    for name, row in cells.items():
        table.add(name, *(row.get(count, "–") for count in counts))
    yield table


def growth(bench):
    for connections in (50, 1000):
        if connections not in bench.pairs:
            names = bench.here("iter8", "wrk", "h2load", "fortio", "oha", "hey", "k6")
            load = Load(local(bench.nginx), connections=connections)
            bench.compare(f"growth, {connections:,} connections", names, load, bench.nginx, key=connections)
    table = Table("CPU per request at 1,000 connections ÷ at 50 (nginx)", ["client", "ratio [min–max]"])
    few, many = bench.pairs[50], bench.pairs[1000]
    for name in [name for name in few if name in many]:
        table.add(name, spread([b.each() / a.each() for a, b in zip(few[name], many[name], strict=True)]))
    yield table

    roomy = (os.cpu_count() or 1) >= 4
    server = bench.serve(Nginx(bench.runner.folder / "wide", (1, 3))) if roomy else bench.nginx
    cores = {1: (0,), 2: (0, 2) if roomy else (CLIENT_CORE, SERVER_CORE)}
    load = Load(local(server), connections=50)
    names = bench.here("iter8", "wrk", "h2load", "fortio", "oha", "hey")
    results = {}
    title = "Two cores ÷ one core for the client, 50 connections (nginx)"
    notes = [] if roomy else ["this machine has two cores, so the second one is the server's too: the figures mean little here and need four cores"]
    for count, where in cores.items():
        wide = replace(load, cores=count)
        results[count], failed = bench.rotate(
            f"{title}: {count}", names,
            lambda name: bench.calibrate(name, wide, server, where),
            lambda name, load: bench.once(name, load, server, where),
        )  # fmt: skip
        notes += failed
    table = Table(title, ["client", "requests/s [min–max]", "CPU per request [min–max]"], notes=notes)
    for name in [name for name in results[1] if name in results[2]]:
        both = list(zip(results[1][name], results[2][name], strict=True))
        rates = [two.requests / two.cost.seconds / (one.requests / one.cost.seconds) for one, two in both]
        costs = [two.cost.cpu / two.requests / (one.cost.cpu / one.requests) for one, two in both]
        table.add(name, spread(rates), spread(costs))
    yield table


def start(bench):
    load = Load(local(bench.truth), requests=10, connections=1, seconds=1)

    def run(name, load):
        bench.truth.reset()
        sample = bench.once(name, load, bench.truth)
        arrivals = bench.truth.truth().arrivals
        first = [(at - sample.cost.started / 1e9) * 1e3 for at in arrivals[:2]]
        return first[0], first[-1], sample.cost.cpu / 1e3

    title = "From exec to the first request, median of 9 runs of 10 requests (truthd)"
    names = bench.here("iter8", "wrk", "h2load", "fortio", "oha", "hey", "k6")
    results, failed = bench.rotate(title, names, lambda name: load, run, rounds=9)
    table = Table(title, ["client", "first arrival ms [min–max]", "second arrival ms", "CPU of the run ms"], notes=failed)
    for name, rounds in results.items():
        first, second, cpu = zip(*rounds, strict=True)
        cost = "–" if bench.tools[name].timed else number(median(cpu))
        table.add(name, spread(first), number(median(second)), cost)
    table.notes.append("the first arrival of iter8 is its readiness probe, the second the first request of the load")
    yield table


SCENARIOS = {
    "closed": closed, "bodies": bodies, "tls": tls, "h2": h2, "paced": paced,
    "stall": stall, "memory": memory, "growth": growth, "start": start,
}  # fmt: skip
