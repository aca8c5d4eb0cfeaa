#!/usr/bin/env python3
"""Starves the load generator of CPU, and shows what it says of its own numbers.

Usage: tests/generator/starved.py BINARY [hogs | nice | quota | ports | healthy]...
RATES="50 500" limits the loads, for builds that cannot do more.

Linux with two processors or more. iter8 and busy loops ("hogs") share processor 0; the server has processor 1 and says
what the latencies truly were. Outcome 5 (invalid) is right where the tail that iter8 reports is its own, and 0 where it
is the target's. Other work on the machine is noise: repeat what surprises. `quota` and `ports` need
root, and a cgroup of version 1 or `ip`.
"""
import base64
import contextlib
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = int(os.environ.get("PORT", "18977"))
URL = f"http://127.0.0.1:{PORT}"
SECONDS = 5
RATES = [int(rate) for rate in os.environ.get("RATES", "50 500 2000").split()]
CPU = "/sys/fs/cgroup/cpu/iter8-starved"


def truth():
    with urllib.request.urlopen(f"{URL}/truth", timeout=10) as answer:
        return json.load(answer)


def await_server():
    for _ in range(100):
        with contextlib.suppress(OSError):
            truth()
            return
        time.sleep(0.1)


@contextlib.contextmanager
def running(command, count=1):
    """Processes that are ended in the end, one by one."""
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def hogs(count, nice=0):
    command = ["taskset", "-c", "0", "nice", "-n", str(nice), sys.executable, "-c", "while True: pass"]
    return running(command, count)


def percentile(histogram, percent):
    """Of an HdrHistogram (V2, deflated, base64), in milliseconds."""
    if not histogram or not histogram["count"]:
        return float("nan")
    raw = zlib.decompress(base64.b64decode(histogram["hdr"])[8:])
    digits = struct.unpack(">i", raw[12:16])[0]
    half_bits = (2 * 10**digits - 1).bit_length() - 1
    payload, at, index, seen = raw[40:], 0, 0, 0
    wanted = max(1, -(-percent * histogram["count"] // 100))
    while at < len(payload):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            if shift == 56:
                value |= byte << 56
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        value = (value >> 1) ^ -(value & 1)
        if value < 0:
            index -= value
            continue
        seen += value
        if seen >= wanted:
            bucket, sub = (index >> half_bits) - 1, (index & ((1 << half_bits) - 1)) + (1 << half_bits)
            if bucket < 0:
                bucket, sub = 0, sub - (1 << half_bits)
            return (sub << bucket) / 1e6
        index += 1
    return float("nan")


def measure(binary, rate, seconds=SECONDS, path="/", prefix=("taskset", "-c", "0"), more=()):
    """One run: exit code, result, truth."""
    truth()
    with tempfile.TemporaryDirectory() as folder:
        command = [*prefix, binary, "run", "--url", URL + path, "--qps", str(rate), "--duration", f"{seconds}s",
                   "--outputDir", folder, *more]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
        with open(f"{folder}/result.json") as file:
            return ran.returncode, json.load(file), truth()


HEAD = ["case", "rate", "exit", "p95", "p99", "true p95", "true p99", "send p99", "idle p99", "lag p99", "stalls", "busy",
        "queued", "throttled", "why"]


def row(case, rate, measured):
    code, result, true = measured
    load = result["insights"]["versions"][0]["loads"][0]["measurement"]
    health = load["health"]
    latency = load["timings"].get("latency")
    shown = lambda value: "-" if value is None else f"{value:.2f}"
    own = (load["sendDelay"], health["targetTime"], health["loopLag"])
    cells = [case, rate, code, *(shown(percentile(latency, p)) for p in (95, 99)), shown(true["p95"]), shown(true["p99"]),
             *(shown(percentile(one, 99)) for one in own), health["stalls"], shown(health.get("busiest")),
             shown(health.get("runQueueSeconds")), shown((health.get("throttled") or {}).get("seconds")),
             result["distrust"][0] if result["distrust"] else ""]
    print(" | ".join(str(cell) for cell in cells), flush=True)


def table(cases):
    print("\n" + " | ".join(HEAD))
    for case, rate, run in cases:
        row(case, rate, run())


def starved(binary):
    for count in (0, 1, 2, 4, 8):
        with hogs(count):
            for rate in RATES:
                yield f"{count} hogs", rate, lambda: measure(binary, rate)
    with hogs(4):
        for rate in (50, 500):
            yield "4 hogs, slow target", rate, lambda: measure(binary, rate, path="/slow/200", more=("--connections", "200"))


def niced(binary):
    with hogs(4, nice=19):
        for rate in RATES:
            yield "4 hogs, nice 19", rate, lambda: measure(binary, rate)


def quota(binary):
    os.makedirs(CPU, exist_ok=True)
    inside = ("sh", "-c", f'echo $$ > {CPU}/cgroup.procs && exec "$@"', "sh")
    try:
        for percent in (100, 20, 10, 5):
            with open(f"{CPU}/cpu.cfs_quota_us", "w") as file:
                file.write(str(percent * 1000))
            for rate in RATES:
                yield f"quota {percent} %", rate, lambda: measure(binary, rate, prefix=inside)
    finally:
        time.sleep(0.5)
        os.rmdir(CPU)


def ports(binary):
    """In a network of its own with 20 local ports."""
    yield "20 ports", 100, lambda: measure(binary, 100, path="/slow/900", prefix=(), more=("--connections", "80"))


def alone(binary):
    setup = ("ip link set lo up && echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range && "
             f"exec {sys.executable} {os.path.abspath(__file__)} {binary} 20-ports")
    subprocess.run(["unshare", "-n", "sh", "-c", setup], check=True)


def healthy(binary):
    print("\n50 runs of 2 s at 200/s, free to use every processor, without hogs")
    for number in range(50):
        row(f"healthy {number + 1}", 200, measure(binary, 200, seconds=2, prefix=()))


TABLES = {"hogs": starved, "nice": niced, "quota": quota, "20-ports": ports}


def main(binary, *wanted):
    for name in [name for name in wanted if name == "ports"]:
        alone(binary)
    server = ["taskset", "-c", "1", sys.executable, f"{HERE}/server.py", str(PORT)]
    with running(server):
        await_server()
        for name in wanted or ("hogs", "nice", "healthy"):
            if name == "healthy":
                healthy(binary)
            elif name != "ports":
                table(TABLES[name](binary))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    main(os.path.abspath(sys.argv[1]), *sys.argv[2:])
