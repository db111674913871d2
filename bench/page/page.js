"use strict";
// The page around the plots: controls, cards, tooltips, tables.

const report = JSON.parse(document.getElementById("report").textContent);
const PLACE_NAMES = { near: "cores near", far: "cores far", all: "all samples" };
const state = { place: "", hidden: new Set() };
const mpis = report.mpis.map((m, i) => ({ ...m, colour: `var(--c${i % 8})`, ours: i === 0 }));
const titleOf = (name) => mpis.find((m) => m.name === name)?.title ?? name;
const tip = document.getElementById("tip");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shownSeries() { return mpis.filter((m) => !state.hidden.has(m.name)); }

// The placement that is asked for, if the benchmark has it; the one that is compared otherwise.
function placeOf(job) { return job.places.includes(state.place) ? state.place : job.places[0]; }

// --- controls -----------------------------------------------------------------------

function toggle(label, pressed, onClick, name = "") {
  const button = element("button", { type: "button", "aria-pressed": pressed });
  if (name) button.className = name;
  button.append(...label);
  button.addEventListener("click", onClick);
  return button;
}

function fieldset(title, ...children) {
  return element("fieldset", {}, element("legend", {}, title), ...children);
}

function drawControls() {
  const controls = document.getElementById("controls");
  const lines = mpis.map((m) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.color = m.colour;
    return toggle([swatch, m.title], !state.hidden.has(m.name), (event) => {
      state.hidden.has(m.name) ? state.hidden.delete(m.name) : state.hidden.add(m.name);
      event.currentTarget.setAttribute("aria-pressed", !state.hidden.has(m.name));
      drawAll();
    }, "mpi");
  });
  const limit = element("span", {}, element("span", { class: "swatch dashed" }), "limit");
  limit.className = "note";
  controls.append(fieldset("Lines", ...lines, limit));
  const places = ["near", "far", "all"].filter((place) => report.jobs.some((job) => job.places.includes(place)));
  if (places.length > 1) {
    const choices = [["", "as compared"], ...places.map((place) => [place, PLACE_NAMES[place]])];
    const buttons = choices.map(([place, label]) => toggle([label], state.place === place, () => {
      state.place = place;
      buttons.forEach((b, i) => b.setAttribute("aria-pressed", choices[i][0] === place));
      drawAll();
    }));
    controls.append(fieldset("Samples", ...buttons));
  }
  const theme = toggle(["dark"], false, () => setTheme(document.documentElement.dataset.theme !== "dark"));
  const setTheme = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    theme.setAttribute("aria-pressed", dark);
  };
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  setTheme(preferred.matches);
  preferred.addEventListener("change", () => setTheme(preferred.matches));
  controls.append(element("div", { class: "end" }, theme));
}

// --- one chart ----------------------------------------------------------------------

function rowTable(row, unit) {
  const lines = mpis.filter((m) => row.figures[m.name]).map((m) => {
    const [value, low, middle, high, count] = row.figures[m.name];
    return `<tr><th scope="row">${escapeText(m.title)}</th><td class="figure"><b>${numberText(value)}</b></td>` +
      `<td class="figure">${numberText(low)} · ${numberText(middle)} · ${numberText(high)}</td><td class="figure">${count}</td></tr>`;
  });
  if (row.limit) lines.push(`<tr><th scope="row">limit</th><td class="figure">${numberText(row.limit)}</td></tr>`);
  return `<table><thead><tr><td></td><th class="figure">${unit}</th><th class="figure">quartiles</th><th class="figure">samples</th></tr></thead><tbody>${lines.join("")}</tbody></table>`;
}

function rowTitle(row) {
  const size = row.size ? `${sizeText(row.size)} bytes` : "";
  if (!row.ratio) return size;
  return `${size}${size ? ": " : ""}ratio ${row.ratio.toFixed(2)} to ${titleOf(row.best_peer)}`;
}

function showTip(row, unit, x, y) {
  tip.innerHTML = `<b>${escapeText(rowTitle(row))}</b>${rowTable(row, unit)}`;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 6))}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - box.height - 6))}px`;
}

function hideTip() { tip.hidden = true; }

// Pointer and arrow keys move a cursor over the sizes, which shows that size's figures.
function addCursor(svg, rows, unit, plot) {
  let at = -1;
  const cursor = svg.querySelector(".cursor");
  const move = (index, x, y) => {
    at = index;
    if (cursor) {
      const where = plot.x(rows[index].size).toFixed(1);
      cursor.setAttribute("x1", where);
      cursor.setAttribute("x2", where);
      cursor.style.display = "";
    }
    showTip(rows[index], unit, x, y);
  };
  const leave = () => { hideTip(); if (cursor) cursor.style.display = "none"; };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * PLOT.width;
    const distance = (row) => plot.x ? Math.abs(plot.x(row.size) - x) : 0;
    const nearest = rows.reduce((best, row, i) => distance(row) < distance(rows[best]) ? i : best, 0);
    move(nearest, event.clientX, event.clientY);
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") leave();
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    const index = Math.max(0, Math.min(rows.length - 1, at + (step || (at < 0 ? 1 : 0))));
    const box = svg.getBoundingClientRect();
    const x = plot.x ? plot.x(rows[index].size) / PLOT.width * box.width : box.width / 2;
    move(index, box.left + x, Math.max(box.top, 60));
  });
}

function figureTable(rows, unit) {
  const known = mpis.filter((m) => rows.some((row) => row.figures[m.name]));
  const head = known.map((m) => `<th scope="col" class="figure">${escapeText(m.title)}</th>`).join("");
  const limit = rows.some((row) => row.limit);
  const lines = rows.map((row) => `<tr><th scope="row">${row.size ? sizeText(row.size) : ""}</th>` +
    known.map((m) => `<td class="figure">${numberText(row.figures[m.name]?.[0])}</td>`).join("") +
    (limit ? `<td class="figure">${numberText(row.limit)}</td>` : "") +
    `<td class="figure">${row.ratio ? row.ratio.toFixed(2) : ""}</td></tr>`);
  return `<div class="scroll"><table><thead><tr><th scope="col">${escapeText(unit)}</th>${head}${limit ? '<th scope="col" class="figure">limit</th>' : ""}<th scope="col" class="figure">ratio</th></tr></thead><tbody>${lines.join("")}</tbody></table></div>`;
}

function drawChart(holder, job, column) {
  const rows = column.at[placeOf(job)].rows, series = shownSeries();
  const sized = rows.some((row) => row.size);
  const withRatio = rows.some((row) => row.ratio);
  const plot = sized ? linePlot(rows, series, withRatio) : barPlot(rows[0], series, column.unit);
  const label = `${job.title}, ${column.title || column.unit}: arrow keys show the figures of each size`;
  const cursor = sized ? `<line class="cursor" y1="${plot.top}" y2="${plot.bottom}" style="display:none"/>` : "";
  const name = column.title ? `${column.title}, ${column.unit}` : column.unit;
  const open = holder.querySelector("details")?.open ? " open" : "";
  holder.innerHTML = `<h4>${escapeText(name)}</h4><svg viewBox="0 0 ${PLOT.width} ${plot.height}" tabindex="0" role="img" aria-label="${escapeText(label)}">${plot.svg}${cursor}</svg>` +
    `<details${open}><summary>figures</summary>${figureTable(rows, column.unit)}</details>`;
  addCursor(holder.querySelector("svg"), rows, column.unit, plot);
}

// --- the cards ----------------------------------------------------------------------

const charts = [];

function drawAll() {
  hideTip();
  for (const { holder, note, job, column } of charts) {
    note.textContent = noteOf(job);
    drawChart(holder, job, column);
  }
}

function noteOf(job) {
  const ranks = `${job.ranks} ranks${job.one_core ? " on one core" : ""}`;
  const moved = job.moved ? `, ${job.moved} of ${job.samples} left out since the cores moved` : "";
  const failed = Object.keys(job.failures).map((name) => `; ${titleOf(name)} failed`).join("");
  return `${ranks}; ${PLACE_NAMES[placeOf(job)]}${placeOf(job) === "all" ? "" : moved}${failed}`;
}

function card(job, index) {
  const note = element("p", { class: "note" }), grid = element("div", { class: "charts" });
  for (const column of job.columns) {
    const holder = element("figure");
    grid.append(holder);
    charts.push({ holder, note, job, column });
  }
  return element("article", { class: "job", id: `job-${index}` }, element("h3", {}, job.title), note, grid);
}

function drawCards() {
  const plots = document.getElementById("plots");
  for (const [group, title] of Object.entries(report.groups)) {
    const cards = report.jobs.map((job, i) => job.group === group && job.places.length ? card(job, i) : null).filter(Boolean);
    if (cards.length) plots.append(element("section", {}, element("h2", {}, title), ...cards));
  }
}

drawControls();
drawCards();
drawAll();
addEventListener("scroll", hideTip, { passive: true });
