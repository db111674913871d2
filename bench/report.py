"""The report: all figures in one object, which is written as JSON, text and a page."""

import json

import figures
import limits
import html_page
import text

FORMAT = 1
PROBES_SHOWN = 20000


def column_json(column):
    return {"key": column.key, "title": column.title, "unit": column.unit,
            "more_is_better": column.more_is_better, "limit": column.limit}


def job_json(job):
    b = job.benchmark
    return {"name": job.name, "benchmark": b.name, "title": b.title, "group": b.group, "ranks": job.ranks,
            "one_core": b.one_core, "columns": [column_json(column) for column in b.columns],
            "failures": {name: why for name, (_, why) in job.failures.items()},
            "commands": {name: " ".join(words) for name, words in job.commands.items()}}


def recording(head, jobs, player):
    """All that was measured, before any figure is made of it."""
    keys = {job.name: [c.key for c in job.benchmark.columns] for job in jobs}
    return {"format": FORMAT, **head, "rounds": player.rounds_done, "stopped": player.stopped,
            "loads": [round(load, 3) for load in player.loads], "floor": player.limits,
            "jobs": [job_json(job) for job in jobs],
            "samples": [[s["job"], s["mpi"], s["round"], s["size"], s["probes"],
                         [s["values"].get(key) for key in keys[s["job"]]]] for s in player.samples]}


def _samples_by_job(recorded):
    keys = {job["name"]: [c["key"] for c in job["columns"]] for job in recorded["jobs"]}
    found = {name: [] for name in keys}
    for name, mpi, number, size, probes, values in recorded["samples"]:
        pairs = zip(keys[name], values)
        found[name].append({"mpi": mpi, "round": number, "size": size, "probes": probes,
                            "values": {key: value for key, value in pairs if value is not None}})
    return found


def evaluate(recorded):
    """The report: a recording with its figures."""
    probes = [probe for s in recorded["samples"] for probe in s[4] or []]
    limit = figures.boundary(probes[::1 + len(probes) // PROBES_SHOWN])
    of_machine = limits.Limits(recorded["floor"], limit)
    jobs = []
    for job, samples in zip(recorded["jobs"], _samples_by_job(recorded).values()):
        of_job = figures.Samples(samples, limit)
        places = of_job.placements() if samples else []
        columns = []
        for column in job["columns"]:
            def limit_at(name, size, place, ranks=job["ranks"]):
                return of_machine.at(name, size, place, ranks)
            at = {}
            for place in places:
                rows = figures.rows_of(of_job, column, place, limit_at)
                at[place] = {"rows": rows, "summary": figures.summary_of(rows)}
            columns.append({**column, "at": at})
        moved = sum(s["placement"] == figures.MOVED for s in of_job.samples)
        jobs.append({**job, "columns": columns, "places": places, "samples": len(samples), "moved": moved})
    shares = {place: sum(figures.placement([p, p], limit) == place for p in probes) / len(probes)
              for place in (figures.NEAR, figures.FAR)} if limit else {}
    return {**recorded, "jobs": jobs, "boundary_ns": limit, "shares": shares,
            "load": limits.median_load(recorded["loads"]), "limits": of_machine.table(),
            "transfers": of_machine.transfers(next(iter(of_machine.table())))}


def write(report, folder):
    """report.txt, report.json and report.html; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"report.{kind}" for kind in ("txt", "json", "html")]
    shown = {key: value for key, value in report.items() if key not in ("samples", "floor", "loads")}
    for path, content in zip(paths, (text.report(report), json.dumps(report, separators=(",", ":")),
                                     html_page.page(shown))):
        unfinished = path.with_suffix(path.suffix + ".part")
        unfinished.write_text(content)
        unfinished.replace(path)
    return paths


def read(path):
    """The recording in a report.json."""
    from arguments import Mistake
    try:
        recorded = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Mistake(f"--from: {path}: {error}") from error
    if not isinstance(recorded, dict) or recorded.get("format") != FORMAT:
        raise Mistake(f"--from: {path} is not a report.json of this program")
    return recorded
