"""How each load generator is told to do one and the same thing."""

import csv
import json
from dataclasses import dataclass

from machine import find, iter8

K6 = """import http from 'k6/http';
export const options = {{ discardResponseBodies: true, insecureSkipTLSVerify: true, scenarios: {{ load: {scenario} }} }};
export default function () {{ http.get('{url}'); }}
"""


@dataclass
class Load:
    """One load: `requests` over `connections`, as fast as they allow or at `rate` requests a second."""

    url: str
    requests: int = 10
    connections: int = 1
    http: str = "1.1"
    streams: int = 1
    rate: int = 0
    seconds: int = 2
    cores: int = 1
    extra: tuple = ()


@dataclass
class Tool:
    """A load generator: its program and its command for a Load.

    It sends `surplus` requests on top of the load and reports p50, p95, p99 and p99.9 in ms by `reported`. `accepted` are the
    exit codes of a run that has figures; a `timed` tool takes seconds instead of a number of requests.
    """

    program: str
    command: object
    surplus: int = 0
    reported: object = None
    accepted: tuple = (0,)
    timed: bool = False


def of_iter8(program, load, folder):
    command = [program, "run", "--url", load.url, "--numRequests", str(load.requests)]
    command += ["--qps", str(load.rate or "max"), "--connections", str(load.connections)]
    command += ["--outputDir", str(folder / "iter8"), "--logLevel", "error"]
    if load.url.startswith("https"):
        command += ["--insecureSkipVerify=true"]
    if load.http != "1.1":
        command += ["--httpVersion", load.http]
    if load.streams > 1:
        command += ["--streams", str(load.streams)]
    return command + list(load.extra)


def of_wrk(program, load, folder):
    return [program, f"-t{load.cores}", f"-c{load.connections}", f"-d{load.seconds}s", load.url]


def of_h2load(program, load, folder):
    version = ["--h1"] if load.http == "1.1" else ["-m", str(load.streams)]
    return [program, *version, "-n", str(load.requests), "-c", str(load.connections), f"-t{load.cores}", load.url]


def of_oha(program, load, folder):
    command = [program, "--no-tui", "--insecure", "-n", str(load.requests), "-c", str(load.connections)]
    command += ["--output-format", "json", "--worker-threads", str(load.cores)]
    if load.http != "1.1":
        command += ["--http2", "-p", str(load.streams)]
    return command + (["-q", str(load.rate)] if load.rate else []) + [*load.extra, load.url]


def of_fortio(program, load, folder):
    command = [program, "load", "-quiet", "-k", "-c", str(load.connections), "-qps", str(load.rate)]
    command += ["-n", str(load.requests), "-json", str(folder / "fortio.json"), "-p", "50,95,99,99.9"]
    if load.http != "1.1":
        command += ["-h2", "-stdclient"]
    return command + [*load.extra, load.url]


def of_hey(program, load, folder):
    command = [program, "-n", str(load.requests), "-c", str(load.connections)]
    if load.http != "1.1":
        command += ["-h2"]
    if load.rate:
        command += ["-q", str(load.rate / load.connections)]
    return command + [load.url]


def of_k6(program, load, folder):
    vus = load.connections
    scenario = {"executor": "shared-iterations", "vus": vus, "iterations": load.requests, "maxDuration": "10m"}
    if load.rate:
        scenario = {
            "executor": "constant-arrival-rate", "rate": load.rate, "timeUnit": "1s",
            "duration": f"{load.requests // load.rate}s", "preAllocatedVUs": vus, "maxVUs": 1000,
        }  # fmt: skip
    script = folder / "load.js"
    script.write_text(K6.format(scenario=json.dumps(scenario), url=load.url))
    return [program, "run", "--quiet", "--no-usage-report", str(script)]


def iter8_reported(folder, output):
    """p50, p95, p99 and p99.9 of the latency in ms."""
    with open(folder / "iter8" / "report.csv", newline="") as file:
        values = {row["metric"]: row["value"] for row in csv.DictReader(file)}
    return [float(values[f"http/latency-{name}"]) for name in ("p50", "p95", "p99", "p99.9")]


def fortio_reported(folder, output):
    histogram = json.loads((folder / "fortio.json").read_text())["DurationHistogram"]
    values = {row["Percentile"]: row["Value"] * 1e3 for row in histogram["Percentiles"]}
    return [values[50], values[95], values[99], values[99.9]]


def oha_reported(folder, output):
    values = json.loads(output)["latencyPercentiles"]
    return [values[name] * 1e3 for name in ("p50", "p95", "p99", "p99.9")]


def installed():
    """The tools that are here, by name; says which are not."""
    known = {
        # Before the load iter8 asks once whether the target is ready; 5 is the outcome "invalid", with all figures.
        "iter8": (of_iter8, {"surplus": 1, "reported": iter8_reported, "accepted": (0, 5)}),
        "wrk": (of_wrk, {"timed": True}),
        "h2load": (of_h2load, {}),
        "fortio": (of_fortio, {"reported": fortio_reported}),
        "oha": (of_oha, {"reported": oha_reported}),
        "hey": (of_hey, {}),
        "k6": (of_k6, {}),
        "ghz": (None, {}),
    }
    tools = {}
    for name, (command, more) in known.items():
        program = iter8() if name == "iter8" else find(name)
        if program:
            tools[name] = Tool(program, command, **more)
        else:
            print(f"skipped: {name} (not installed: benches/peers/install.sh)")
    return tools
