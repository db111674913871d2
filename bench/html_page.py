"""The page: one HTML file with its style, its scripts and all figures in it."""

import html
import json
import pathlib

import catalogue
import text

FOLDER = pathlib.Path(__file__).resolve().parent / "page"


def escape(value):
    return html.escape(str(value))


def embedded(report):
    """The report as JSON that a script element can hold."""
    return json.dumps(report, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\u0021--")


def shade(ratio):
    """The class of a ratio: how good it is for us."""
    steps = ((0.5, "much-faster"), (0.95, "faster"), (1.05, "equal"), (2, "slower"))
    return next((name for limit, name in steps if ratio <= limit), "much-slower")


def overview(report):
    """The table of ratios, which needs no script."""
    rows, titles = [], {m["name"]: m["title"] for m in report["mpis"]}
    for group, title in catalogue.GROUPS.items():
        of_group = []
        for index, job in enumerate(report["jobs"]):
            place = text.main_place(job)
            for column in job["columns"] if job["group"] == group and place else []:
                summary = column["at"][place]["summary"]
                if summary:
                    of_group.append(overview_row(index, job, column, place, summary, titles))
        if of_group:
            rows += [f'<tr class="group"><th colspan="6" scope="rowgroup">{escape(title)}</th></tr>', *of_group]
    if not rows:
        return "<p>Nothing to compare with: no peer was measured.</p>"
    return ('<table class="overview"><thead><tr><th scope="col">benchmark</th><th scope="col">pattern</th>'
            '<th scope="col" class="figure">geometric mean</th><th scope="col" class="figure">worst</th>'
            '<th scope="col">at</th><th scope="col">compared</th></tr></thead><tbody>'
            + "".join(rows) + "</tbody></table>")


def overview_row(index, job, column, place, summary, titles):
    def ratio(value):
        return f'<td class="figure"><span class="ratio {shade(value)}">{value:.2f}</span></td>'
    peer = titles.get(summary["worst_peer"], summary["worst_peer"])
    where = f"{text.size_words(summary['worst_size'])}, {peer}" if summary["worst_size"] else peer
    return (f'<tr><td><a href="#job-{index}">{escape(text.name_of(job))}</a></td><td>{escape(column["title"])}</td>'
            f'{ratio(summary["geometric_mean"])}{ratio(summary["worst"])}'
            f'<td>{escape(where)}</td><td>{escape(text.PLACES[place])}</td></tr>')


def facts(report):
    machine = report["machine"]
    found = [("Date", report["date"]), ("Processor", f'{machine["processor"]}, {machine["cores"]} cores'
                                        + (", a virtual machine" if machine["virtual"] else "")),
             ("Memory", f'{machine["memory_gib"]} GiB'),
             ("System", f'{machine["system"]}, Linux {machine["kernel"]}'),
             ("Rounds", f'{report["rounds"]}')]
    found += [(m["title"], m["library"]) for m in report["mpis"]]
    found.append(("Command", report["command"]))
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in found)


def limits(report):
    found = report["limits"]
    heads = "".join(f'<th scope="col" class="figure">{escape(text.PLACES[place])}</th>' for place in found)
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th>'
        + "".join(f'<td class="figure">{escape(text.number(of[key])) or "–"}</td>' for of in found.values())
        + "</tr>" for key in next(iter(found.values())))
    return f'<table><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def page(report):
    parts = {
        "STYLE": (FOLDER / "page.css").read_text(),
        "SCRIPT": "\n".join((FOLDER / name).read_text() for name in ("plot.js", "page.js")),
        "DATA": embedded({**report, "groups": catalogue.GROUPS}),
        "FACTS": facts(report),
        "PLACEMENTS": escape(text.placements(report)),
        "WARNINGS": "".join(f'<p class="warning">{escape(warning)}</p>' for warning in text.warnings(report)),
        "OVERVIEW": overview(report),
        "LIMITS": limits(report),
    }
    content = (FOLDER / "page.html").read_text()
    for name, part in parts.items():
        content = content.replace(f"<!--{name}-->", part)
    return content
