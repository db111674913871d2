"""Compares MPIs on this machine: the same benchmarks, built by each one's mpicc and run by
turns, with the machine's own limits. `make bench` calls this; docs/performance.md says how
to read what it writes."""

import datetime
import os
import shlex
import signal
import sys

import arguments
import machine
import peers
import report
import runs


def jobs_of(selection):
    return [runs.Job(benchmark, ranks) for benchmark in selection for ranks in benchmark.ranks]


def measure(options, progress):
    """A recording of what the options ask for."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise arguments.Mistake("this process may use only one core; two are needed")
    jobs = jobs_of(options.selection)
    programs = sorted({job.benchmark.program for job in jobs})
    mpis, left_out = peers.prepare(options, programs, progress.say)
    floor = machine.Floor(options.floor, cores)
    head = {"date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            "machine": machine.description(cores), "left_out": left_out,
            "command": " ".join(["bench", *map(shlex.quote, sys.argv[1:])])}
    player = runs.Player(jobs, mpis, floor, cores, progress)
    player.play(options.rounds, options.minutes)
    head["mpis"] = [{"name": m.name, "title": m.title, "library": m.library, "prefix": str(m.prefix)}
                    for m in mpis]
    return report.recording(head, jobs, player)


def main():
    progress = runs.Progress()
    # Ended by a signal, it writes what it has, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options = arguments.read()
        recorded = report.read(options.previous) if options.previous else measure(options, progress)
    except (arguments.Mistake, peers.CannotUse) as why:
        print(f"bench: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbench: interrupted before anything was measured", file=sys.stderr)
        return 130
    evaluated = report.evaluate(recorded)
    paths = report.write(evaluated, options.out)
    for warning in report.text.warnings(evaluated):
        progress.say(warning)
    print("\n".join(report.text.overview(evaluated)))
    print("written: " + " ".join(map(str, paths)))
    return 130 if evaluated["stopped"] == runs.INTERRUPTED else 0


if __name__ == "__main__":
    sys.exit(main())
