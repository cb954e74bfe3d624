// Drawings of a leaderboard, as SVG that is made node by node.
import {el, say, svg} from './dom.js';

// The room inside a card, of which so many stand side by side on a wide page (page.css): drawn at
// its own size, a chart's words are as large as others.
function roomIn(columns) {
  if (innerWidth <= 760) return Math.max(280, innerWidth - 62);
  const page = Math.min(1180, innerWidth) - 40;
  return (page - 20 * (columns - 1)) / columns - 46;
}

// Round whole numbers from `low` to `high`, about `count` of them.
export function ticks(low, high, count) {
  const rough = Math.max(1, (high - low) / Math.max(1, count));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) {
    values.push(Math.round(value / step) * step);
  }
  return values;
}

const short = (name, length) => name.length > length ? '…' + name.slice(1 - length) : name;
const low = (row) => row.ci_low ?? row.rating;
const high = (row) => row.ci_high ?? row.rating;

// From a little below the least of `values` to a little above the most.
function around(values, share, leastMargin) {
  const least = Math.min(...values), most = Math.max(...values);
  const margin = Math.max(leastMargin, (most - least) * share);
  return [least - margin, most + margin];
}
const range = (rows) => around([...rows.map(low), ...rows.map(high)], 0.06, 10);

// A line a model: its rating as a dot, its interval as a whisker.
export function whiskers(rows, columns) {
  const width = roomIn(columns), isNarrow = width < 480;
  const left = isNarrow ? 118 : 190, right = 44, top = 8;
  const line = Math.max(30, Math.min(54, 260 / rows.length));
  const height = top + rows.length * line + 28;
  const [least, most] = range(rows);
  const x = (value) => left + (value - least) / (most - least) * (width - left - right);
  const chart = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': say('whiskers')});
  for (const value of ticks(least, most, 5)) {
    chart.append(svg('line', {class: 'grid', x1: x(value), x2: x(value), y1: top, y2: height - 24}),
      svg('text', {class: 'faint', x: x(value), y: height - 8, 'text-anchor': 'middle'}, value));
  }
  rows.forEach((row, i) => {
    const y = top + (i + 0.5) * line;
    chart.append(
      svg('text', {x: left - 12, y: y + 4, 'text-anchor': 'end'}, short(row.name, isNarrow ? 16 : 26)),
      svg('line', {class: 'whisker', x1: x(low(row)), x2: x(high(row)), y1: y, y2: y}),
      svg('line', {class: 'whisker', x1: x(low(row)), x2: x(low(row)), y1: y - 5, y2: y + 5}),
      svg('line', {class: 'whisker', x1: x(high(row)), x2: x(high(row)), y1: y - 5, y2: y + 5}),
      svg('circle', {class: 'dot', cx: x(row.rating), cy: y, r: 6}),
      svg('text', {class: 'faint', x: width - right + 10, y: y + 4}, Math.round(row.rating)));
  });
  return chart;
}

// Steps from the lineage's beginning to each model.
export function totalSteps(models) {
  const byName = new Map(models.map((model) => [model.name, model]));
  const total = (model, depth) => {
    const parent = byName.get(model.parent);
    if (!parent || depth > 100) return model.step;
    const own = parent.stage === model.stage ? model.step - parent.step : model.step;
    return total(parent, depth + 1) + Math.max(0, own);
  };
  return new Map(models.map((model) => [model.name, total(model, 0)]));
}

// Rating by training steps; lines join a model to the one that it was trained from. Whose steps
// aren't known, like an endpoint's, is a level across. Null if that is all there is.
export function overSteps(rows, models) {
  const trained = rows.filter((row) => row.step > 0 || row.parent);
  if (trained.length === 0) return null;
  const width = roomIn(2), height = 300, left = 52, right = 20, top = 14, bottom = 42;
  const steps = totalSteps(models);
  const [least, most] = range(rows);
  const [first, last] = around(trained.map((row) => steps.get(row.name)), 0.04, 1);
  const along = (step) => left + (step - first) / (last - first) * (width - left - right);
  const x = (row) => along(steps.get(row.name));
  const y = (value) => top + (most - value) / (most - least) * (height - top - bottom);
  const inOrder = [...trained].sort((a, b) => steps.get(a.name) - steps.get(b.name));
  const stages = [...new Set(inOrder.map((row) => row.stage))];
  const byName = new Map(trained.map((row) => [row.name, row]));
  const chart = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': say('over_steps')});
  for (const value of ticks(least, most, 5)) {
    chart.append(
      svg('line', {class: 'grid', x1: left, x2: width - right, y1: y(value), y2: y(value)}),
      svg('text', {class: 'faint', x: left - 8, y: y(value) + 4, 'text-anchor': 'end'}, value));
  }
  for (const value of ticks(Math.max(0, first), last, 6)) {
    const at = along(value);
    chart.append(
      svg('line', {class: 'grid', x1: at, x2: at, y1: height - bottom, y2: height - bottom + 5}),
      svg('text', {class: 'faint', x: at, y: height - 22, 'text-anchor': 'middle'}, value));
  }
  chart.append(svg('text', {class: 'faint', x: (left + width - right) / 2, y: height - 6,
    'text-anchor': 'middle'}, say('steps')));
  for (const row of rows.filter((row) => !byName.has(row.name))) {
    const at = y(row.rating);
    chart.append(svg('line', {class: 'level', x1: left, x2: width - right, y1: at, y2: at}),
      svg('text', {class: 'faint', x: width - right, y: at - 5, 'text-anchor': 'end'},
        short(row.name, 30)));
  }
  for (const row of trained) {
    const parent = byName.get(row.parent);
    if (!parent) continue;
    chart.append(svg('line', {class: 'link', x1: x(parent), y1: y(parent.rating), x2: x(row),
      y2: y(row.rating)}));
  }
  for (const row of trained) {
    const stage = 'stage-' + stages.indexOf(row.stage) % 4;
    chart.append(
      svg('line', {class: stage, 'stroke-width': 2, x1: x(row), x2: x(row), y1: y(low(row)),
        y2: y(high(row))}),
      svg('circle', {class: stage, cx: x(row), cy: y(row.rating), r: 5.5},
        svg('title', null, `${row.name}: ${Math.round(row.rating)}`)));
  }
  const legend = el('ul', {class: 'legend'}, stages.map((stage, i) => el('li', null,
    svg('svg', {viewBox: '0 0 12 12', 'aria-hidden': 'true'},
      svg('circle', {class: 'stage-' + i % 4, cx: 6, cy: 6, r: 5})), stage || '–')));
  return el('div', null, chart, legend);
}

// Rows against columns: `values` as shades, `format` as words.
export function heatMap(rows, values, format, shade, label) {
  const room = roomIn(2), isNarrow = room < 480;
  const n = rows.length, left = isNarrow ? 116 : 150, top = 30;
  const cell = Math.max(26, Math.min(52, (room - left) / n));
  const width = Math.max(room, left + n * cell), height = top + n * cell + 4;
  const chart = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': label});
  rows.forEach((row, i) => {
    chart.append(
      svg('text', {x: left - 10, y: top + (i + 0.5) * cell + 4, 'text-anchor': 'end'},
        `${short(row.name, isNarrow ? 13 : 18)}  ${i + 1}`),
      svg('text', {class: 'faint', x: left + (i + 0.5) * cell, y: top - 10,
        'text-anchor': 'middle'}, i + 1));
    rows.forEach((other, j) => {
      const value = values[i][j];
      if (i === j || value === null) return;
      const at = {x: left + j * cell + 1.5, y: top + i * cell + 1.5};
      chart.append(
        svg('rect', {...at, class: 'cell', width: cell - 3, height: cell - 3, rx: 6,
          'fill-opacity': 0.06 + 0.4 * shade(value)},
        svg('title', null, `${row.name} – ${other.name}: ${format(value)}`)),
        svg('text', {x: left + (j + 0.5) * cell, y: top + (i + 0.5) * cell + 4,
          'text-anchor': 'middle'}, format(value)));
    });
  });
  return chart;
}

// The same numbers for those who don't see the shades.
export function matrixTable(rows, values, format, label) {
  return el('details', {class: 'more'}, el('summary', null, say('show_table')),
    el('div', {class: 'scroll', tabindex: 0}, el('table', null,
      el('caption', {class: 'quiet'}, label),
      el('thead', null, el('tr', null, el('th', null, ''),
        rows.map((row) => el('th', {scope: 'col', class: 'number'}, row.name)))),
      el('tbody', null, rows.map((row, i) => el('tr', null, el('th', {scope: 'row'}, row.name),
        rows.map((_, j) => el('td', {class: 'number'},
          i === j || values[i][j] === null ? '–' : format(values[i][j])))))))));
}
