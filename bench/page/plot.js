"use strict";
// Plots as SVG: values over sizes with logarithmic axes, ratios below, or bars where a
// benchmark has no sizes. Functions return text; nothing here knows the page around.

const PLOT = { width: 360, left: 50, right: 10, top: 10, main: 190, gap: 38, ratio: 74, bottom: 20 };

function escapeText(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

function sizeText(size) {
  for (const [step, unit] of [[2 ** 20, "M"], [2 ** 10, "K"]])
    if (size >= step && size % step === 0) return size / step + unit;
  return String(size);
}

function numberText(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return Number((value / 1e6).toPrecision(3)) + "M";
  if (size >= 1e4) return Number((value / 1e3).toPrecision(3)) + "k";
  return size === 0 ? "0" : String(Number(value.toPrecision(3)));
}

// A logarithmic axis from `low` to `high`, drawn between two coordinates.
function logAxis(low, high, from, to) {
  const a = Math.log(low), range = Math.log(high) - a || 1;
  return (value) => from + (Math.log(value) - a) / range * (to - from);
}

// Round numbers on a logarithmic axis: powers of ten, with 2 and 5 where few fit.
function ticks(low, high) {
  const found = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
    for (const step of [1, 2, 5]) found.push({ value: step * 10 ** decade, major: step === 1 });
  const inside = found.filter((t) => t.value >= low * 0.999 && t.value <= high * 1.001);
  const majors = inside.filter((t) => t.major);
  if (majors.length >= 3) return majors;
  return inside;
}

function extent(values, around) {
  const found = values.filter((v) => v > 0);
  if (!found.length) return [0.5, 2];
  let low = Math.min(...found), high = Math.max(...found);
  if (high / low < around) { const middle = Math.sqrt(low * high); low = middle / Math.sqrt(around); high = middle * Math.sqrt(around); }
  return [low / 1.12, high * 1.12];
}

function path(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// The parts of a line for which there are values.
function pathOf(rows, x, y, value) {
  return path(rows.filter((row) => value(row) > 0).map((row) => [x(row.size), y(value(row))]));
}

function axisY(axis, low, high, from, to) {
  return ticks(low, high).map(({ value }) => {
    const y = axis(value).toFixed(1);
    return `<line class="grid" x1="${from}" y1="${y}" x2="${to}" y2="${y}"/><text x="${from - 6}" y="${+y + 4}" text-anchor="end">${numberText(value)}</text>`;
  }).join("");
}

function axisX(rows, x, top, bottom, labelY) {
  let last = -Infinity;
  return rows.map(({ size }) => {
    const at = x(size), room = at - last >= 26;
    if (room) last = at;
    return `<line class="fine" x1="${at.toFixed(1)}" y1="${top}" x2="${at.toFixed(1)}" y2="${bottom}"/>` +
      (room ? `<text x="${at.toFixed(1)}" y="${labelY}" text-anchor="middle">${sizeText(size)}</text>` : "");
  }).join("");
}

// series: [{name, colour, ours}]; rows: those of the report, with a size each.
function linePlot(rows, series, withRatio) {
  const p = PLOT, right = p.width - p.right;
  const mainBottom = p.top + p.main, ratioTop = mainBottom + p.gap, ratioBottom = ratioTop + p.ratio;
  const height = (withRatio ? ratioBottom : mainBottom) + p.bottom;
  const sizes = rows.map((row) => row.size);
  const x = sizes.length > 1 ? logAxis(sizes[0], sizes[sizes.length - 1], p.left + 8, right - 8) : () => (p.left + right) / 2;
  const figure = (row, name) => row.figures[name];
  const all = rows.flatMap((row) => [...series.map((s) => figure(row, s.name)?.[0]), row.limit]);
  const [low, high] = extent(all, 3);
  const y = logAxis(low, high, mainBottom, p.top);
  const parts = [axisX(rows, x, p.top, mainBottom, mainBottom + 15), axisY(y, low, high, p.left, right)];
  for (const s of series) {
    const known = rows.filter((row) => figure(row, s.name));
    const clamp = (value) => y(Math.min(Math.max(value, low), high));
    const upper = known.map((row) => [x(row.size), clamp(figure(row, s.name)[3])]);
    const lower = known.map((row) => [x(row.size), clamp(figure(row, s.name)[1])]).reverse();
    if (known.length) parts.push(`<path class="band" fill="${s.colour}" d="${path([...upper, ...lower])}Z"/>`);
  }
  if (rows.some((row) => row.limit)) parts.push(`<path class="limit" d="${pathOf(rows, x, y, (row) => row.limit)}"/>`);
  for (const s of [...series].reverse()) {
    parts.push(`<path class="line${s.ours ? " ours" : ""}" stroke="${s.colour}" d="${pathOf(rows, x, y, (row) => figure(row, s.name)?.[0])}"/>`);
    for (const row of rows) if (figure(row, s.name)?.[0] > 0)
      parts.push(`<circle cx="${x(row.size).toFixed(1)}" cy="${y(figure(row, s.name)[0]).toFixed(1)}" r="${s.ours ? 3.4 : 2.4}" fill="${s.colour}"/>`);
  }
  if (withRatio) parts.push(ratioStrip(rows, x, ratioTop, ratioBottom, series.find((s) => s.ours)));
  return { svg: parts.join(""), height, x, top: p.top, bottom: withRatio ? ratioBottom : mainBottom };
}

// Our time to the best peer's, 1 marked, with the quartiles of the rounds.
function ratioStrip(rows, x, top, bottom, ours) {
  const p = PLOT, right = p.width - p.right;
  const found = rows.filter((row) => row.ratio);
  const [low, high] = extent([...found.map((row) => row.ratio), 0.9, 1.1], 4);
  const y = logAxis(low, high, bottom, top);
  const clamp = (value) => y(Math.min(Math.max(value, low), high)).toFixed(1);
  const colour = ours ? ours.colour : "var(--c0)";
  const marks = [...ticks(low, high), { value: 1 }].map((t) => t.value).filter((v, i, all) => all.indexOf(v) === i);
  const parts = marks.map((value) => {
    const at = y(value).toFixed(1);
    return `<line class="${value === 1 ? "one" : "fine"}" x1="${p.left}" y1="${at}" x2="${right}" y2="${at}"/><text x="${p.left - 6}" y="${+at + 4}" text-anchor="end">${numberText(value)}</text>`;
  });
  parts.push(`<text x="${right}" y="${top - 5}" text-anchor="end">ratio to the best peer</text>`);
  for (const row of found) {
    const at = x(row.size).toFixed(1), q = row.ratio_quartiles;
    if (q) parts.push(`<line x1="${at}" x2="${at}" y1="${clamp(q[0])}" y2="${clamp(q[2])}" stroke="${colour}" stroke-width="5" opacity="0.25"/>`);
    parts.push(`<circle cx="${at}" cy="${clamp(row.ratio)}" r="3" fill="${colour}"/>`);
  }
  parts.push(`<path class="line" stroke="${colour}" d="${pathOf(found, x, y, (row) => row.ratio)}"/>`);
  parts.push(axisX(rows, x, top, bottom, bottom + 15));
  return parts.join("");
}

// Bars for a benchmark without sizes: the figure, and a whisker between the quartiles.
function barPlot(row, series, unit) {
  const p = PLOT, left = 116, right = p.width - 54, step = 26;
  const known = series.filter((s) => row.figures[s.name]);
  const most = Math.max(...known.map((s) => Math.max(row.figures[s.name][0], Math.min(row.figures[s.name][3], 2 * row.figures[s.name][0]))), row.limit || 0);
  const x = (value) => left + Math.min(value / most, 1) * (right - left);
  const parts = known.map((s, i) => {
    const [value, low, , high] = row.figures[s.name], y = 6 + i * step;
    return `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escapeText(s.title)}</text>` +
      `<rect x="${left}" y="${y + 2}" width="${Math.max(x(value) - left, 1).toFixed(1)}" height="16" rx="2" fill="${s.colour}" opacity="${s.ours ? 1 : 0.75}"/>` +
      `<line x1="${x(low).toFixed(1)}" x2="${x(high).toFixed(1)}" y1="${y + 10}" y2="${y + 10}" stroke="var(--ink)" stroke-width="1.4"/>` +
      `<text class="value" x="${(Math.max(x(value), x(high)) + 5).toFixed(1)}" y="${y + 14}">${numberText(value)} ${unit}</text>`;
  });
  const height = 12 + known.length * step;
  if (row.limit) parts.push(`<line class="limit" x1="${x(row.limit).toFixed(1)}" x2="${x(row.limit).toFixed(1)}" y1="2" y2="${height - 4}"/>`);
  return { svg: parts.join(""), height };
}
