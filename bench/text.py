"""The report as text, in tables that Markdown shows as such."""

import catalogue

PLACES = {"near": "cores near", "far": "cores far", "all": "all samples"}
BUSY = 0.10


def size(number):
    for shift, unit in ((20, "M"), (10, "K")):
        if number >= 1 << shift and number % (1 << shift) == 0:
            return f"{number >> shift}{unit}"
    return str(number)


def size_words(number):
    """A size with its unit, as in 64 KiB."""
    plain = size(number)
    return f"{plain[:-1]} {plain[-1]}iB" if plain[-1] in "KM" else f"{plain} B"


def number(value):
    """About four digits."""
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f}M"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|",
            *("| " + " | ".join(row) + " |" for row in rows), ""]


def name_of(job):
    ranks = "" if job["ranks"] == 2 and not job["one_core"] else f", {job['ranks']} ranks"
    return job["title"] + ranks


def warnings(report):
    found = []
    if report["stopped"]:
        found.append(f"Not all rounds were played: {report['stopped']}.")
    if report["load"] is not None and report["load"] > BUSY:
        found.append(f"The machine was busy: between runs others took {report['load']:.0%} of its cores "
                     "(median). Quartiles are wider than they would be, and ratios less certain.")
    for name, why in report["left_out"].items():
        found.append(f"Without {name}: {why}.")
    for job in report["jobs"]:
        for name, why in job["failures"].items():
            found.append(f"{name_of(job)}: {name} failed: {why}.")
    return found


def placements(report):
    if not report["boundary_ns"]:
        return "The cores were equally far apart all the while."
    shares = ", ".join(f"{place} in {share:.0%}" for place, share in report["shares"].items())
    return (f"The cores moved: a cache line took less or more than {report['boundary_ns']:.0f} ns between "
            f"them (half a round trip): {shares} of the probes. Only samples of the same placement are compared.")


def head(report):
    machine = report["machine"]
    mpis = "\n".join(f"- {m['title']}: {m['library']}" for m in report["mpis"])
    lines = ["# MPIs on this machine", "",
             f"{report['date']}. {machine['processor']}, {machine['cores']} cores"
             f"{', a virtual machine' if machine['virtual'] else ''}, {machine['memory_gib']} GiB, "
             f"{machine['system']}, Linux {machine['kernel']}.", "", mpis, "", f"    {report['command']}", "",
             f"{report['rounds']} whole rounds. {placements(report)}",
             "Figures are best quartiles. A ratio is our time to the best peer's: below 1 we are faster.", ""]
    lines += [f"**{warning}**\n" for warning in warnings(report)]
    return lines


def main_place(job):
    return job["places"][0] if job["places"] else None


def worst_of(summary):
    """The largest ratio, and where it is: a size, or the peer where there is one size only."""
    where = size(summary["worst_size"]) if summary["worst_size"] else summary["worst_peer"]
    return f"{summary['worst']:.2f}, {where}"


def overview(report):
    """Ratios of each benchmark: a column for each use of its buffers, in a table for all
    benchmarks with the same uses."""
    tables = {}
    for job in report["jobs"]:
        place = main_place(job)
        columns = [column for column in job["columns"] if place and column["at"][place]["summary"]]
        uses = tuple(column["title"] for column in columns)
        cells = []
        for column in columns:
            summary = column["at"][place]["summary"]
            cells.append(f"**{summary['geometric_mean']:.2f}** ({worst_of(summary)})")
        if cells:
            tables.setdefault(uses, []).append([name_of(job), PLACES[place], *cells])
    if not tables:
        return []
    lines = ["## Ratios", "", "The geometric mean over all sizes; the worst one, and its size.", ""]
    for uses, rows in tables.items():
        lines += table(["", "", *(use or "ratio" for use in uses)], rows)
    return lines


def limits(report):
    found = report["limits"]
    keys = list(next(iter(found.values())))
    lines = ["## The machine's limits", "",
             *table(["", *(PLACES[place] for place in found)],
                    [[key, *(number(of[key]) for of in found.values())] for key in keys])]
    transfers = [t for t in report["transfers"] if t["mapped_one_us"]]
    uses = {"": "left alone", "dirty": "rewritten", "read": "rewritten and read"}
    if transfers:
        lines += table(["buffers", "size", "mapped, one core (µs)", "mapped, both (µs)", "CMA (µs)"],
                       [[uses[t["use"]], size(t["size"]), number(t["mapped_one_us"]), number(t["mapped_both_us"]),
                         number(t["cma_us"])] for t in transfers])
    return lines


def of_column(job, column, place, titles):
    rows = column["at"][place]["rows"]
    names = [name for name in titles if any(name in row["figures"] for row in rows)]
    has_limit = any(row["limit"] for row in rows)
    cells = []
    for row in rows:
        spread = row.get("ratio_quartiles")
        cells.append([size(row["size"]) if row["size"] else "",
                      *(number(row["figures"][n][0]) if n in row["figures"] else "" for n in names),
                      *([number(row["limit"])] if has_limit else []),
                      f"**{row['ratio']:.2f}** {titles[row['best_peer']]}" if row.get("ratio") else "",
                      f"{spread[0]:.2f}–{spread[2]:.2f}" if spread else ""])
    title = ": ".join(part for part in (name_of(job), column["title"]) if part)
    return [f"### {title} ({column['unit']}; {PLACES[place]})", "",
            *table(["size", *(titles[n] for n in names), *(["limit"] if has_limit else []), "to the best peer",
                    "quartiles of rounds"], cells)]


def report(of):
    titles = {m["name"]: m["title"] for m in of["mpis"]}
    lines = head(of) + overview(of) + limits(of)
    for group, title in catalogue.GROUPS.items():
        jobs = [job for job in of["jobs"] if job["group"] == group and job["places"]]
        if jobs:
            lines += [f"## {title}", ""]
        for job in jobs:
            for column in job["columns"]:
                lines += of_column(job, column, main_place(job), titles)
    return "\n".join(lines)
