"""gRPC: how each tool is told to make the same calls, and what is measured of it."""

import csv
import json
from dataclasses import replace
from statistics import median

from scenarios import errors, quantile, slots, variants
from servers import Truthd
from tables import Table, number, spread
from tools import Load, Tool, fortio_reported

PROTO = """syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
"""
K6 = """import grpc from 'k6/net/grpc';
const client = new grpc.Client();
client.load(['{folder}'], 'health.proto');
export const options = {{ insecureSkipTLSVerify: true, scenarios: {{ load: {scenario} }} }};
let connected = false;
export default function () {{
  if (!connected) {{ client.connect('{host}', {{ plaintext: {plaintext} }}); connected = true; }}
  client.invoke('grpc.health.v1.Health/Check', {{}});
}}
"""
# Load.streams is the number of calls on each connection, as it is of requests; a Load with this `http` calls Watch.
STREAM = "grpc stream"


def place(load):
    """Whether it is TLS, and `host:port`."""
    scheme, _, host = load.url.partition("://")
    return scheme == "https", host.rstrip("/")


def method(load):
    return "Watch" if load.http == STREAM else "Check"


def described(folder):
    """Path of the .proto file."""
    path = folder / "health.proto"
    path.write_text(PROTO)
    return str(path)


def of_iter8(program, load, folder):
    tls, host = place(load)
    command = [program, "run", "--grpc", host, "--call", f"grpc.health.v1.Health/{method(load)}", "--data", "{}"]
    command += ["--proto", described(folder), "--total", str(load.requests)]
    command += ["--concurrency", str(load.connections * load.streams), "--connections", str(load.connections)]
    command += ["--outputDir", str(folder / "iter8"), "--logLevel", "error"]
    if tls:
        command += ["--skipTLS=true"]
    return command + (["--rps", str(load.rate)] if load.rate else []) + list(load.extra)


def of_ghz(program, load, folder):
    tls, host = place(load)
    command = [program, "--skipTLS" if tls else "--insecure", "--call", f"grpc.health.v1.Health/{method(load)}", "-d", "{}"]
    command += ["--proto", described(folder), "-n", str(load.requests), "-c", str(load.connections * load.streams)]
    command += ["--connections", str(load.connections), "--cpus", str(load.cores)]
    return command + (["--rps", str(load.rate)] if load.rate else []) + [*load.extra, host]


def of_fortio(program, load, folder):
    tls, host = place(load)
    command = [program, "load", "-grpc", "-quiet", "-k", "-c", str(load.connections), "-s", str(load.streams)]
    command += ["-qps", str(load.rate), "-n", str(load.requests)]
    command += ["-json", str(folder / "fortio.json"), "-p", "50,95,99,99.9"]
    return command + [*load.extra, f"https://{host}" if tls else host]


def of_k6(program, load, folder):
    tls, host = place(load)
    described(folder)
    scenario = {"executor": "shared-iterations", "vus": load.connections, "iterations": load.requests, "maxDuration": "10m"}
    script = folder / "calls.js"
    names = {"folder": folder, "host": host, "plaintext": "false" if tls else "true"}
    script.write_text(K6.format(scenario=json.dumps(scenario), **names))
    return [program, "run", "--quiet", "--no-usage-report", str(script)]


def of_h2load(program, load, folder):
    frame = folder / "frame"
    frame.write_bytes(bytes(5))
    tls, host = place(load)
    url = f"{'https' if tls else 'http'}://{host}/grpc.health.v1.Health/{method(load)}"
    command = [program, "-n", str(load.requests), "-c", str(load.connections), "-m", str(load.streams), f"-t{load.cores}"]
    return [*command, "-d", str(frame), "-H", "content-type: application/grpc", "-H", "te: trailers", url]


def iter8_reported(folder, output):
    """p50, p95 and p99 of the latency in ms."""
    with open(folder / "iter8" / "report.csv", newline="") as file:
        values = {row["metric"].replace("latency/", "latency-"): row["value"] for row in csv.DictReader(file)}
    return [float(values[f"grpc/latency-{name}"]) for name in ("p50", "p95", "p99")]


def ghz_reported(folder, output):
    values = {row["percentage"]: row["latency"] / 1e6 for row in json.loads(output)["latencyDistribution"]}
    return [values[50], values[95], values[99]]


def with_calls(bench):
    """The same bench with those of its tools that can call."""
    known = {
        # 5 is the outcome "invalid", with all figures.
        "iter8": (of_iter8, {"reported": iter8_reported, "accepted": (0, 5)}),
        "h2load": (of_h2load, {}),
        "fortio": (of_fortio, {"reported": lambda *where: fortio_reported(*where)[:3]}),
        "ghz": (of_ghz, {"reported": ghz_reported}),
        "k6": (of_k6, {}),
    }
    here = {name: Tool(bench.tools[name].program, command, **more) for name, (command, more) in known.items() if name in bench.tools}
    return bench.using(here)


def at(server):
    return f"http://127.0.0.1:{server.plain}/"


def against_peers(bench, title, key):
    """iter8's CPU per call as a share of each peer's, from the same rounds."""
    pairs = bench.pairs[key]
    table = Table(f"{title}: CPU per call of iter8 ÷ of each peer", ["peer", "ratio [min–max]", "per further call [min–max]"])
    for name in [name for name in pairs if name != "iter8" and "iter8" in pairs]:
        both = list(zip(pairs["iter8"], pairs[name], strict=False))
        each = [one.each() / other.each() for one, other in both]
        table.add(name, spread(each), spread([one.further() / other.further() for one, other in both]))
    return table


def compared(bench, title, names, load, server):
    """What calls cost, and then as shares of the peers."""
    yield bench.compare(title, bench.here(*names), load, server, key=title)
    table = against_peers(bench, title, title)
    if table.rows:
        yield table


def unary(bench):
    bench = with_calls(bench)
    server = bench.serve(Truthd(bench.runner.folder, messages=1))
    shapes = {
        "50 calls on one connection": (Load(at(server), streams=50), ("iter8", "h2load", "fortio", "ghz")),
        "50 calls on 50 connections": (Load(at(server), connections=50), ("iter8", "h2load", "fortio", "ghz", "k6")),
    }
    for about, (load, names) in shapes.items():
        yield from compared(bench, f"gRPC unary, plaintext, {about} (truthd)", names, load, server)


def secure(bench):
    bench = with_calls(bench)
    url = f"https://127.0.0.1:{bench.nginx.tls2}/"
    names = ("iter8", "h2load", "fortio", "ghz", "k6")
    for about, load in {"one connection": Load(url, streams=50), "50 connections": Load(url, connections=50)}.items():
        title = f"gRPC unary over TLS 1.3, 50 calls on {about} (nginx with a canned answer)"
        yield from compared(bench, title, names[: 4 if load.streams > 1 else 5], load, bench.nginx)


def streams(bench):
    bench = with_calls(bench)
    server = bench.serve(Truthd(bench.runner.folder, messages=100))
    for about, load in {
        "one connection": Load(at(server), streams=50, http=STREAM),
        "50 connections": Load(at(server), connections=50, http=STREAM),
    }.items():
        title = f"gRPC server streaming, 100 messages a call, 50 calls on {about} (truthd)"
        yield from compared(bench, title, ("iter8", "h2load", "ghz"), load, server)


def held(bench):
    bench = with_calls(bench)
    server = bench.serve(Truthd(bench.runner.folder, messages=1))
    counts = (100_000, 1_000_000) + (5_000_000,) * bench.long
    for connections in (50, 1000):
        title = f"Peak RSS in MB with 1,000 gRPC calls at a time on {connections:,} connections, by calls (truthd, one run each)"
        table = Table(title, ["client"] + [f"{count:,}" for count in counts])
        cells = {}

        def run(name, count):
            load = Load(at(server), requests=count, connections=connections, streams=1000 // connections)
            return bench.once(name, load, server, limit=1800).cost.memory / 1024

        for count in counts:
            # What peers need for five million takes an hour, and grows as before.
            names = ["iter8", "h2load", "fortio", "ghz"] + ["k6"] * (connections == 1000)
            names = bench.here(*names) if count < 5_000_000 else bench.here("iter8")
            results, failed = bench.rotate(f"{title}: {count:,}", names, lambda name: count, run, rounds=1)
            table.notes += [f"{count:,}: {line}" for line in failed]
            for name, rounds in results.items():
                cells.setdefault(name, {})[count] = number(rounds[0])
        for name, row in cells.items():
            table.add(name, *(row.get(count, "–") for count in counts))
        yield table


def on_time(bench):
    bench = with_calls(bench)
    server = bench.serve(Truthd(bench.runner.folder, record=True, messages=1))
    wanted = variants(bench, {
        "iter8": ("iter8", ()), "iter8 --async": ("iter8", ("--async=true",)),
        "ghz --rps": ("ghz", ()), "ghz --rps --async": ("ghz", ("--async",)),
        "fortio -grpc -qps": ("fortio", ()), "fortio -grpc -qps -uniform": ("fortio", ("-uniform",)),
    })  # fmt: skip

    def run(label, load):
        server.reset()
        cost = bench.once(wanted[label][0], load, server, limit=60, share=0).cost
        arrivals, due = slots(server.truth(), load, 0)
        late = [abs(at - slot) * 1e6 for at, slot in zip(arrivals, due, strict=False)]
        return quantile(late, 0.5), quantile(late, 0.99), len(arrivals), cost.cpu / 1e4 / (load.requests / load.rate)

    for rate in (1000, 10000):
        load = Load(at(server), requests=3 * rate, connections=50, rate=rate)
        title = f"gRPC paced at {rate:,}/s for 3 s, 50 connections: how far sends are from their due instants (truthd)"
        results, failed = bench.rotate(title, wanted, lambda label: replace(load, extra=wanted[label][1]), run)
        columns = ["client", "send error p50 µs [min–max]", "p99 µs [min–max]", f"arrived of {load.requests:,}", "CPU %"]
        table = Table(title, columns, notes=failed)
        for label, rounds in results.items():
            p50, p99, arrived, cpu = zip(*rounds, strict=True)
            table.add(label, spread(p50), spread(p99), f"{median(arrived):,.0f}", number(median(cpu)))
        yield table


def stalled(bench):
    bench = with_calls(bench)
    server = bench.serve(Truthd(bench.runner.folder, record=True, messages=1))
    reports = ("--reports", "csv")
    wanted = variants(bench, {
        "iter8": ("iter8", reports), "iter8 --async": ("iter8", (*reports, "--async=true")),
        "ghz --rps": ("ghz", ("-O", "json")), "ghz --rps --async": ("ghz", ("-O", "json", "--async")),
        "fortio -grpc -qps -uniform": ("fortio", ("-uniform",)),
    })  # fmt: skip
    load = Load(at(server), requests=5000, connections=50, rate=1000)

    def run(label, load):
        server.reset()
        server.stall(500, after=2000)
        sample = bench.once(wanted[label][0], load, server, limit=60, share=0)
        reported = bench.tools[wanted[label][0]].reported(bench.runner.folder, sample.output)
        truth = server.truth()
        arrivals, due = slots(truth, load, 0)
        usual = max(0, median(answer - at for answer, at in zip(truth.answers, arrivals, strict=True)))
        schedule = [max(usual, truth.stall_end - at) if at >= truth.stall_begin else usual for at in due]
        seen = [answer - at for answer, at in zip(truth.answers, due, strict=False)]
        within = sum(truth.stall_begin <= at <= truth.stall_end for at in arrivals)
        return *reported, quantile(schedule, 0.99) * 1e3, quantile(seen, 0.99) * 1e3, within

    title = "One stall of 500 ms under 1,000 gRPC calls/s for 5 s, 50 connections (truthd)"
    results, failed = bench.rotate(title, wanted, lambda label: replace(load, extra=wanted[label][1]), run)
    columns = ["client", "reported p50 ms", "p95 ms", "p99 ms", "from what was, at the server [min–max]"]
    columns += ["from the schedule [min–max]", "arrived in the stall (500 due)"]
    table = Table(title, columns, notes=failed)
    for label, rounds in results.items():
        p50, p95, p99, due99, true99, within = zip(*rounds, strict=True)
        cells = (errors(p99, true99), errors(p99, due99), f"{median(within):,.0f}")
        table.add(label, *(number(median(values)) for values in (p50, p95, p99)), *cells)
    yield table


CALLS = {
    "grpc-unary": unary, "grpc-tls": secure, "grpc-stream": streams,
    "grpc-paced": on_time, "grpc-stall": stalled, "grpc-memory": held,
}  # fmt: skip
