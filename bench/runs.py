"""Playing the runs: every benchmark once with every MPI in each round, in an order that
rotates, until the rounds are done, the time is up or the user has enough."""

import json
import os
import signal
import subprocess
import sys
import time

import machine

RUN_SECONDS = 60
# After so many failed runs an MPI is left out of a benchmark.
FAILURES = 2
# Seconds that a run is thought to take before one was seen.
GUESS = 1.5
# Seconds between two lines that say how far it is, where there is no terminal.
LONGEST_PAUSE = 30
INTERRUPTED = "interrupted"


class Job:
    """One benchmark on one number of ranks."""

    def __init__(self, benchmark, ranks):
        self.benchmark, self.ranks = benchmark, ranks
        self.name = benchmark.name if len(benchmark.ranks) == 1 else f"{benchmark.name}, {ranks} ranks"
        self.failures = {}  # by name of the MPI: how many, and the last reason
        self.commands = {}  # by name of the MPI

    def command(self, mpi, cores):
        b = self.benchmark
        words = mpi.launch(self.ranks, cores, b.one_core) + [str(mpi.build / f"osu_{b.program}"), "--json"]
        if b.whole:
            return words
        words += ["--samples", str(b.samples), "--seconds", str(b.seconds), *b.arguments]
        if b.sizes:
            words += ["-m", sizes_argument(b.sizes)]
        if self.ranks <= len(cores) and not b.one_core:
            words.append("--probe")
        return words

    def gave_up(self, name):
        return name in self.failures and self.failures[name][0] >= FAILURES

    def failed(self, name, why):
        self.failures[name] = (self.failures.get(name, (0, ""))[0] + 1, why)


def sizes_argument(sizes):
    """A list as -m takes it; of one size, a range."""
    return ",".join(map(str, sizes)) if len(sizes) > 1 else f"{sizes[0]}:{sizes[0]}"


def run_command(command, environment=None, seconds=RUN_SECONDS):
    """Its output and how long it took; on failure an exception that says why. However
    it ends, none of its processes is left."""
    start = time.monotonic()
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
            elapsed = time.monotonic() - start
        except subprocess.TimeoutExpired:
            _end(process)
            raise RuntimeError(f"not finished after {seconds} s") from None
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        words = (errors or output).strip().splitlines()
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(words[:3])[:300]}")
    return output, elapsed


def _end(process):
    """Asks mpirun to end its job, and ends what is left of its group."""
    for wanted, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, wanted)
        except ProcessLookupError:
            pass
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        break


class Progress:
    """Says what is being done and how long it will take, on one line of a terminal."""

    def __init__(self, stream=sys.stderr):
        self.stream, self.is_terminal = stream, stream.isatty()
        # Elsewhere a line is written ever less often, up to a while apart.
        self.next, self.pause = 0.0, 1.0

    def say(self, text):
        self.clear()
        print(f"bench: {text}", file=self.stream, flush=True)

    def now(self, text):
        if self.is_terminal:
            print(f"\r\033[K{text}", end="", file=self.stream, flush=True)
        elif time.monotonic() >= self.next:
            print(text, file=self.stream, flush=True)
            self.next, self.pause = time.monotonic() + self.pause, min(2 * self.pause, LONGEST_PAUSE)

    def clear(self):
        if self.is_terminal:
            print("\r\033[K", end="", file=self.stream, flush=True)


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Player:
    """Plays the rounds and collects the samples."""

    def __init__(self, jobs, mpis, floor, cores, progress):
        self.jobs, self.mpis, self.floor, self.cores, self.progress = jobs, mpis, floor, cores, progress
        self.samples, self.limits, self.loads = [], [], []
        self.durations = {}
        self.rounds_done = 0
        self.stopped = ""

    def limit_jobs(self):
        """What the floor program is asked in each round: sizes by use of the buffers."""
        limits = {c.limit for j in self.jobs for c in j.benchmark.columns if c.limit}
        sizes = sorted({size for j in self.jobs for c in j.benchmark.columns
                        if c.limit.startswith(("message", "stream")) for size in j.benchmark.sizes})
        jobs = {"": tuple(sizes)} if limits else {}
        for use in ("dirty", "read"):
            if any(limit.endswith("_" + use) for limit in limits):
                jobs[use] = tuple(sizes)
        return jobs

    def play(self, rounds, minutes):
        """Samples until the rounds are done (None: as many as there is time for); Ctrl-C
        and the end of time keep what there is."""
        end = time.monotonic() + 60 * minutes
        limits = self.limit_jobs()
        steps = [("floor", use) for use in limits] + [("job", job) for job in self.jobs]
        try:
            while rounds is None or self.rounds_done < rounds:
                for index in range(len(steps)):
                    if time.monotonic() > end:
                        self._time_is_up(rounds, minutes)
                        return
                    self._play_step(steps, index, limits, rounds, end)
                self.rounds_done += 1
        except KeyboardInterrupt:
            self.stopped = INTERRUPTED
        finally:
            self.progress.clear()

    def _time_is_up(self, rounds, minutes):
        """Which is nothing to speak of if no number of rounds was asked for."""
        if rounds or not self.rounds_done:
            of = f" of {rounds}" if rounds else ""
            self.stopped = f"the time (MINUTES={minutes}) was up in round {self.rounds_done + 1}{of}"

    def _play_step(self, steps, index, limits, rounds, end):
        kind, what = steps[index]
        left = end - time.monotonic()
        if rounds:
            left = min(left, self._time_left(steps[index:], rounds - self.rounds_done - 1, steps))
        name = what.name if kind == "job" else "the machine's limits"
        of = f" of {rounds}" if rounds else ""
        self.progress.now(f"{clock(left):>6} left, round {self.rounds_done + 1}{of}: {name}")
        if kind == "job":
            self.play_job(what, self.rounds_done)
        else:
            self.play_floor(what, limits[what], self.rounds_done)

    def _time_left(self, steps, more_rounds, all_steps):
        known = list(self.durations.values())
        guess = sum(known) / len(known) if known else GUESS * len(self.mpis)
        def took(step):
            return self.durations.get(step, guess)
        return sum(map(took, steps)) + more_rounds * sum(map(took, all_steps))

    def play_floor(self, use, sizes, number):
        start = time.monotonic()
        try:
            output, _ = run_command(self.floor.command(sizes, use), seconds=machine.FLOOR_SECONDS)
            self.limits.append({"round": number, "use": use, **machine.limits_from(output)})
        except (RuntimeError, ValueError) as error:
            self.progress.say(f"the limits are missing in round {number + 1}: {error}")
        self.durations[("floor", use)] = time.monotonic() - start

    def play_job(self, job, number):
        start = time.monotonic()
        self.loads.append(machine.load())
        turn = number % len(self.mpis)
        for mpi in self.mpis[turn:] + self.mpis[:turn]:
            if not job.gave_up(mpi.name):
                self.play_run(job, mpi, number)
        self.durations[("job", job)] = time.monotonic() - start

    def play_run(self, job, mpi, number):
        command = job.command(mpi, self.cores)
        job.commands[mpi.name] = command
        try:
            output, elapsed = run_command(command, mpi.environment())
            self._take(job, mpi, number, output, elapsed)
        except RuntimeError as error:
            job.failed(mpi.name, str(error))
            self.progress.say(f"{job.name} with {mpi.name}: {error}")

    def _take(self, job, mpi, number, output, elapsed):
        try:
            said = json.loads(output[output.index("{"):])
            rows = said["rows"]
        except (ValueError, KeyError):
            raise RuntimeError(f"no JSON in its output: {output.strip()[:200]}") from None
        # Open MPI goes on to say who built it.
        mpi.library = mpi.library or " ".join(said.get("library", "").split(",")[0].split())
        if job.benchmark.whole:
            rows = [{"whole_ms": elapsed * 1e3}]
        for row in rows:
            self.samples.append({
                "job": job.name, "mpi": mpi.name, "round": number, "size": row.get("size", 0),
                "probes": row.get("probe_ns"),
                "values": {c.key: row[c.key] for c in job.benchmark.columns if c.key in row}})
