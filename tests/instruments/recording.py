"""What the instruments share: running `message` under callgrind or step by step, and
reading what comes of it."""

import collections
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RANKS = 2
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}
# Seconds that a run may take.
TIMEOUT = 300


def size(text):
    """A number of bytes such as 64K."""
    found = re.fullmatch(r"(\d+)([KM]?)", text)
    if not found:
        raise SystemExit(f"'{text}' is not a number of bytes; 64K is one")
    return int(found.group(1)) * UNITS[found.group(2)]


class Function:
    """What callgrind knows of a function: instructions of its own by source file, and of
    each function that it calls the number of calls and the instructions in them."""

    def __init__(self):
        self.by_file = collections.Counter()
        self.calls = {}


class Profile:
    """A file that callgrind has written."""

    def __init__(self, path):
        self.functions = collections.defaultdict(Function)
        self.names = {"file": {}, "function": {}, "object": {}}
        caller = file = callee = None
        count = None
        for line in path.read_text(errors="replace").splitlines():
            key, equals, value = line.partition("=")
            if equals and key in ("fl", "fi", "fe"):
                file = self.name("file", value)
            elif equals and key == "fn":
                caller = self.functions[self.name("function", value)]
            elif equals and key == "cfn":
                callee = self.name("function", value)
            elif equals and key in ("cfi", "cfl"):
                self.name("file", value)
            elif equals and key in ("ob", "cob"):
                self.name("object", value)
            elif equals and key == "calls":
                count = int(value.split()[0])
            elif re.match(r"[0-9+*-]", line) and caller is not None:
                cost = int(line.split()[1])
                if count is None:
                    caller.by_file[file] += cost
                    continue
                calls, inside = caller.calls.get(callee, (0, 0))
                caller.calls[callee] = (calls + count, inside + cost)
                count = None

    def name(self, kind, value):
        """The name that `(7) name` introduces, or that `(7)` repeats."""
        number, _, name = value.partition(" ")
        if name:
            self.names[kind][number] = name
        return self.names[kind][number]

    def inside(self, name):
        """How often the function was called by others, and the instructions in it and below."""
        calls = [function.calls[name] for function in self.functions.values() if name in function.calls]
        return sum(count for count, _ in calls), sum(cost for _, cost in calls)


class Runner:
    """Runs `message`, built for an installed tree."""

    def __init__(self, prefix):
        self.mpirun = prefix / "bin" / "mpirun"
        self.folder = tempfile.TemporaryDirectory(prefix="lariat-instruments-")
        self.path = pathlib.Path(self.folder.name)
        self.program = self.path / "message"
        sources = [HERE / "message.c", HERE / "steps.c"]
        self.call([prefix / "bin" / "mpicc", "-O2", "-g", *sources, "-o", self.program], "mpicc")

    def call(self, command, what):
        try:
            done = subprocess.run(command, cwd=self.path, text=True, capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        except OSError as error:
            raise SystemExit(f"{what}: {error}") from error
        if done.returncode:
            raise SystemExit(f"{what}: exit code {done.returncode}:\n{done.stderr}{done.stdout}")
        return done.stdout

    def profile(self, kind, length, calls, sets, rank):
        """Profiles by rank and set. Under callgrind runs `rank`, or both if it is None."""
        for old in self.path.glob("profile.*"):
            old.unlink()
        valgrind = ("exec valgrind --tool=callgrind -q --instr-atstart=no "
                    "--callgrind-out-file=profile.$LARIAT_RANK ./message \"$@\"")
        script = valgrind if rank is None else \
            f"[ $LARIAT_RANK = {rank} ] || exec ./message \"$@\"; {valgrind}"
        self.call([self.mpirun, "-n", str(RANKS), "sh", "-c", script, "message",
                   kind, str(length), str(calls), str(sets)], "message under callgrind")
        return {of: [Profile(self.path / f"profile.{of}.{number + 1}") for number in range(sets)]
                for of in range(RANKS) if rank in (None, of)}

    def steps(self, kind, length, calls):
        """What each rank executes in each of some calls: objects and offsets in them, in
        the order in which it first comes to them."""
        self.call([self.mpirun, "-n", str(RANKS), self.program, kind, str(length), str(calls), "steps",
                   "steps"], "message step by step")
        of_ranks = []
        for rank in range(RANKS):
            of_calls = [[] for _ in range(calls)]
            for line in (self.path / f"steps.{rank}").read_text().splitlines():
                number, rest = line.split(" ", 1)
                of_calls[int(number)].append(tuple(rest.rsplit(" ", 1)))
            of_ranks.append(of_calls)
        return of_ranks


def source_files(steps):
    """For each step the source files that it belongs to: its own, then those that it is
    inlined in; none if nobody knows."""
    offsets = collections.defaultdict(set)
    for path, offset in steps:
        offsets[path].add(offset)
    chains = collections.defaultdict(list)
    for path, places in offsets.items():
        if not pathlib.Path(path).is_file():
            continue  # the kernel's own, which is no file
        asked = sorted(places)
        told = subprocess.run(["addr2line", "-a", "-i", "-e", path], text=True, capture_output=True,
                              input="\n".join(asked), check=True)
        chain = None
        at = iter(asked)
        for line in told.stdout.splitlines():
            if line.startswith("0x"):
                chain = chains[path, next(at)]
            else:
                chain.append(line.rpartition(":")[0])
    return chains
