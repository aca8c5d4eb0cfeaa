"""Where the measurement runs: paths, the programs written for it, the cost of one run, and the machine in words."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iter8-peers"
SEARCH = os.pathsep.join([str(CACHE / "bin"), os.environ.get("PATH", ""), "/usr/sbin"])
CLIENT_CORE, SERVER_CORE = 0, 1


class Failed(Exception):
    """A run that gave no figure; its text says why, in one line."""


@dataclass
class Cost:
    """What one run of a program cost: CPU in µs, peak memory in KiB, start in ns (Unix), duration in s; its exit code."""

    code: int
    user: int
    system: int
    memory: int
    started: int
    seconds: float

    @property
    def cpu(self):
        return self.user + self.system


def find(name):
    """Path of an installed program, or None."""
    return shutil.which(name, path=SEARCH)


def compile_tool(name):
    """Compiles NAME.c of this folder into the cache; returns the program's path."""
    source, program, compiled = HERE / f"{name}.c", CACHE / "bin" / name, CACHE / f"{name}.c"
    # Other checkouts share the cache: what counts is the text that was compiled, not its age.
    if not program.exists() or not compiled.exists() or compiled.read_bytes() != source.read_bytes():
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
        shutil.copyfile(source, compiled)
    return str(program)


def iter8():
    """The program under test: ITER8 of the environment, or what is published, built now."""
    given = os.environ.get("ITER8")
    if given:
        return str(Path(given).resolve(strict=True))
    target = "x86_64-unknown-linux-musl"
    subprocess.run(["cargo", "build", "--profile", "dist", "--target", target], cwd=ROOT, check=True)
    folder = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    return str((ROOT / folder / target / "dist" / "iter8").resolve(strict=True))


def complaint(text):
    """The line that says what went wrong, else the last one; short and without colours."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no message"])[-1][:160]


class Runner:
    """Runs clients on the client's core and counts what they cost."""

    def __init__(self):
        self.program = compile_tool("measure")
        self.folder = Path(tempfile.mkdtemp(prefix="iter8-peers-"))

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command, cores=(CLIENT_CORE,), limit=120, accepted=(0,)):
        """Runs a command for at most `limit` seconds; returns its Cost and what it printed to stdout."""
        # Nothing of the surroundings may change what a client does: no proxy, no CI variables.
        environment = {"PATH": SEARCH, "HOME": str(self.folder), "GOMAXPROCS": str(len(cores))}
        out, err = self.folder / "stdout", self.folder / "stderr"
        reading, writing = os.pipe()
        cores = ",".join(str(core) for core in cores)
        with open(out, "w") as stdout, open(err, "w") as stderr, os.fdopen(reading) as result:
            helper = subprocess.Popen(
                [self.program, str(writing), cores, str(limit), *command],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                pass_fds=[writing], env=environment, cwd=self.folder,
            )  # fmt: skip
            os.close(writing)
            try:
                fields = result.readline().split()
            except BaseException:
                helper.terminate()
                raise
            finally:
                helper.wait()
        if not fields:
            raise Failed(complaint(err.read_text(errors="replace")))
        code, user, system, memory, started, elapsed = map(int, fields)
        output = out.read_text(errors="replace")
        if code not in accepted:
            said = err.read_text(errors="replace").strip() or output
            raise Failed(f"stopped after {limit} s" if code == 137 else f"exit {code}: {complaint(said)}")
        return Cost(code, user, system, memory, started, elapsed / 1e9), output


def said(command, pattern=r"\d+\.\d+[.\d]*"):
    """The first match of `pattern` in what a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env={"PATH": SEARCH, "HOME": "/"})
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    match = re.search(pattern, done.stdout + done.stderr)
    return match.group(0) if match else "?"


def versions(tools):
    """Names of the tools with their versions, as text."""
    asked = {
        "iter8": ["--version"], "wrk": ["-v"], "h2load": ["--version"], "oha": ["--version"],
        "fortio": ["version"], "k6": ["version"],
    }  # fmt: skip
    found = []
    for name, path in tools.items():
        if name == "ghz":
            # It does not know its own version when it is built from its module.
            found.append("ghz " + said(["go", "version", "-m", path], r"(?<=bojand/ghz\tv)[\d.]+"))
            continue
        # hey cannot say it.
        command = [path, *asked[name]] if name in asked else ["dpkg-query", "-W", name]
        found.append(f"{name} {said(command)}")
    found.append("nginx " + said([find("nginx") or "nginx", "-v"]))
    return ", ".join(found)


def commit():
    """The commit of the sources, with a mark when they were changed."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=, changed", "--exclude", "*"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def load_average():
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def describe():
    """Processor, memory and kernel, as text."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    virtual = " (virtual machine)" if "hypervisor" in Path("/proc/cpuinfo").read_text() else ""
    total = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    gigabytes = round(int(total.group(1)) / 2**20) if total else 0
    name = cpu.group(1) if cpu else platform.machine()
    return f"{os.cpu_count()} cores of {name}{virtual}, {gigabytes} GB; Linux {platform.release()}"
