"""The machine: what it is, what others do on it, and its limits by the floor program."""

import json
import os
import pathlib
import platform
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Seconds over which the load of others is sampled.
SAMPLE = 0.1
FLOOR_SECONDS = 60


def description(cores):
    """What a reader wants to know of the machine."""
    model = re.search(r"model name\s*:\s*(.*)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="(.*)"', _read("/etc/os-release"))
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(cores),
        "memory_gib": round(int(memory[1]) / (1 << 20)) if memory else None,
        "kernel": platform.release(),
        "system": system[1] if system else platform.system(),
        "virtual": "hypervisor" in _read("/proc/cpuinfo"),
        "host": platform.node(),
    }


def _read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def _ticks():
    words = [int(word) for word in _read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return sum(words) - words[3] - words[4], words[7]


def load():
    """The share of the cores that others take, or the hypervisor, while nothing of ours
    runs."""
    (before, _), start = _ticks(), time.monotonic()
    time.sleep(SAMPLE)
    busy = (_ticks()[0] - before) / os.sysconf("SC_CLK_TCK")
    return min(busy / ((time.monotonic() - start) * os.cpu_count()), 1.0)


class Floor:
    """The program that measures what two cores can do without any MPI."""

    def __init__(self, path, cores):
        self.path = path or self._build()
        self.cores = ",".join(str(core) for core in cores[:2])

    @staticmethod
    def _build():
        cargo = os.environ.get("CARGO") or "cargo"
        subprocess.run([cargo, "build", "--quiet", "--release", "--package", "lariat-floor"], cwd=ROOT, check=True)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        return (ROOT / target / "release" / "floor").resolve()

    def command(self, sizes, use):
        """How to call it for these sizes; `use` is "", dirty or read."""
        words = [str(self.path), "--json", "--cores", self.cores, "-m", ",".join(map(str, sizes)) or "8"]
        return words + (["--primitives"] if not use else [f"--{use}"])


def limits_from(output):
    return json.loads(output[output.index("{"):])
