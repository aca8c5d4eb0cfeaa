"""One load from eight generators: what reaches the server, against one generator and against the schedule."""

import os
import subprocess
import time
from statistics import median

from machine import CLIENT_CORE, Failed, complaint
from scenarios import local, quantile
from tables import Table, number, spread

RATE, SECONDS, CONNECTIONS = 16_000, 5, 64
# Time for all of them to start and to open their connections, in seconds.
AHEAD = 6


def begin(bench, start, shard):
    """Starts one generator; its output goes nowhere, what it complains about is kept."""
    folder = bench.runner.folder / f"shard-{shard.partition('/')[0]}"
    command = [bench.tools["iter8"].program, "run", "--url", local(bench.truth), "--numRequests", str(RATE * SECONDS)]
    command += ["--qps", str(RATE), "--connections", str(CONNECTIONS), "--startAt", start, "--shard", shard]
    command += ["--outputDir", str(folder), "--logLevel", "error"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(bench.runner.folder)}
    return subprocess.Popen(
        command, env=environment, cwd=bench.runner.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT_CORE}),
    )  # fmt: skip


def end(process):
    """Waits for a generator: its CPU in µs and its peak memory in KiB."""
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"exit {process.returncode}: {complaint(said)}")
    return (used.ru_utime + used.ru_stime) * 1e6, used.ru_maxrss


def run(bench, generators):
    bench.truth.reset()
    start = int(time.time()) + AHEAD
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    started = [begin(bench, instant, f"{index}/{generators}") for index in range(generators)]
    costs = [end(process) for process in started]
    # What came before the start looked whether the target is there.
    arrivals = [at for at in bench.truth.truth().arrivals if at >= start]
    if len(arrivals) != RATE * SECONDS:
        raise Failed(f"the server saw {len(arrivals):,} of {RATE * SECONDS:,} requests")
    late = [abs(at - start - number / RATE) * 1e6 for number, at in enumerate(arrivals)]
    gaps = [(later - earlier) * 1e6 for earlier, later in zip(arrivals, arrivals[1:], strict=False)]
    return (
        quantile(late, 0.5), quantile(late, 0.99), *(quantile(gaps, share) for share in (0.05, 0.5, 0.95, 0.99)),
        sum(cpu for cpu, _ in costs) / 1e4 / SECONDS, max(memory for _, memory in costs) / 1024,
    )  # fmt: skip


def shards(bench):
    title = f"{RATE:,} requests/s for {SECONDS} s from one generator and from eight shards, on one core (truthd)"
    labels = {"one generator": 1, "8 shards": 8}
    results, failed = bench.rotate(title, labels, lambda label: labels[label], lambda label, count: run(bench, count))
    columns = ["generators", "from the schedule p50 µs [min–max]", "p99 µs [min–max]"]
    columns += ["gaps p5 µs", "p50 µs", "p95 µs", "p99 µs", "CPU %", "largest RSS MB"]
    table = Table(title, columns, notes=failed)
    ideal = number(1e6 / RATE)
    table.add("the schedule", "0", "0", ideal, ideal, ideal, ideal, "–", "–")
    for label, rounds in results.items():
        half, most, *gaps, cpu, memory = zip(*rounds, strict=True)
        table.add(label, spread(half), spread(most), *(number(median(values)) for values in (*gaps, cpu, memory)))
    yield table


SHARDS = {"shards": shards}
