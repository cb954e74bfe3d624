// The leaderboard: table, whiskers, Elo over steps, heat maps, filters. Asks again every few
// seconds while somebody looks.
import {el, getJson, modelLink, say} from './dom.js';
import {heatMap, matrixTable, overSteps, whiskers} from './charts.js';

const REFRESH_MS = 5000, MAX_MAP = 16;
const app = document.getElementById('app');
const place = el('div', {id: 'board', 'aria-live': 'off'});
let shown = '', filterKey = '';

const wanted = () => new URLSearchParams(location.search);

function select(name, label, options) {
  const current = wanted().get(name) ?? '';
  const node = el('select', {name}, options.map(([value, text]) =>
    el('option', {value, selected: value === current}, text)));
  node.addEventListener('change', () => {
    const fields = wanted();
    if (node.value) fields.set(name, node.value);
    else fields.delete(name);
    history.replaceState(null, '', '?' + fields);
    update();
  });
  return el('label', null, label, node);
}

function filters(board) {
  const all = ['', say('all')];
  const check = el('input', {type: 'checkbox', checked: wanted().get('style') === '1'});
  check.addEventListener('change', () => {
    const fields = wanted();
    if (check.checked) fields.set('style', '1');
    else fields.delete('style');
    history.replaceState(null, '', '?' + fields);
    update();
  });
  return el('form', {class: 'filters'},
    select('source', say('filter_source'), [['', say('source_all')],
      ...['vote', 'game', 'grader', 'judge'].map((name) => [name, say('source_' + name)])]),
    select('stage', say('filter_stage'), [all, ...board.stages.map((name) => [name, name])]),
    select('category', say('filter_category'),
      [all, ...board.categories.map((name) => [name, name])]),
    select('ties', say('filter_ties'), [['', say('ties_half')], ['rao-kupper', 'Rao–Kupper'],
      ['davidson', 'Davidson']]),
    el('label', null, check, say('style_control')));
}

const rank = (row) =>
  row.rank_best === row.rank_worst ? row.rank_best : `${row.rank_best}–${row.rank_worst}`;
const whole = (value) => value === null ? '–' : String(Math.round(value));

function tableOf(board) {
  const heads = ['rank', 'model', 'rating', 'interval', 'votes', 'wins', 'next'];
  const isNumber = (name) => name !== 'model';
  return el('div', {class: 'scroll card', tabindex: 0}, el('table', {id: 'ranks'},
    el('thead', null, el('tr', null, heads.map((name) =>
      el('th', {scope: 'col', class: isNumber(name) && 'number'}, say('col_' + name))))),
    el('tbody', null, board.rows.map((row) => {
      const total = row.wins + row.losses + row.ties;
      const share = total > 0 ? Math.round(100 * (row.wins + row.ties / 2) / total) + ' %' : '–';
      const isSure = row.p_next !== null && row.p_next < 0.05;
      const next = row.p_next === null ? '' :
        `${say(isSure ? 'sure' : 'unsure')} (${say('p_value')} ${
        row.p_next < 0.001 ? '< 0.001' : row.p_next.toFixed(3)})`;
      return el('tr', null,
        el('td', {class: 'number'}, rank(row)),
        el('th', {scope: 'row'}, modelLink(row.name), row.stage && el('span', {class: 'badge'}, row.stage),
          row.retired && el('span', {class: 'badge'}, say('retired')),
          row.private && el('span', {class: 'badge'}, say('private'))),
        el('td', {class: 'number'}, el('strong', null, whole(row.rating))),
        el('td', {class: 'number'}, row.ci_low === null ? '–' : `${whole(row.ci_low)} – ${whole(row.ci_high)}`),
        el('td', {class: 'number'}, row.comparisons),
        el('td', {class: 'number'}, share),
        el('td', {class: 'number'}, next));
    }))));
}

function mapsOf(board) {
  const rows = board.rows.slice(0, MAX_MAP);
  const counts = board.counts.map((line) => line.map((count) => count || null));
  const most = Math.max(1, ...counts.flat());
  const percent = (value) => Math.round(100 * value) + '';
  return el('div', {class: 'grid2'},
    el('section', {class: 'card'}, el('h2', null, say('win_shares'), ' (%)'),
      heatMap(rows, board.win_shares, percent, (value) => value, say('win_shares')),
      matrixTable(rows, board.win_shares, percent, say('win_shares'))),
    el('section', {class: 'card'}, el('h2', null, say('counts')),
      heatMap(rows, counts, whole, (value) => value / most, say('counts')),
      matrixTable(rows, counts, whole, say('counts'))));
}

function notesOf(board) {
  const first = board.first_place;
  return el('section', {class: 'card'}, el('h2', null, say('notes')),
    first && el('p', null, say('first_place',
      {flips: first.flips, all: board.comparisons, rival: board.rows[first.rival].name})),
    board.voters_set_aside > 0 && el('p', null, say('set_aside', {n: board.voters_set_aside})),
    board.notes.map((note) => el('p', {lang: 'en'}, note)));
}

function draw(board) {
  if (board.rows.length === 0) {
    place.replaceChildren(el('section', {class: 'card notice'}, el('p', null, say('no_verdicts')),
      el('p', null, el('a', {class: 'button', href: '/'}, say('nav_battle')))));
    return;
  }
  const steps = overSteps(board.rows, board.models);
  place.replaceChildren(tableOf(board),
    el('div', {class: steps && 'grid2'},
      el('section', {class: 'card'}, el('h2', null, say('whiskers')),
        whiskers(board.rows.slice(0, 40), steps ? 2 : 1)),
      steps && el('section', {class: 'card'}, el('h2', null, say('over_steps')), steps,
        el('p', {class: 'quiet'}, say('over_steps_text')))),
    mapsOf(board), notesOf(board));
}

async function update() {
  const query = wanted();
  query.delete('lang');
  try {
    const board = await getJson('/api/leaderboard?' + query);
    const key = JSON.stringify([board.stages, board.categories]);
    if (key !== filterKey) {
      filterKey = key;
      app.replaceChildren(filters(board), place);
    }
    const text = JSON.stringify(board);
    if (text !== shown) draw(board);
    shown = text;
  } catch {
    if (!shown) app.replaceChildren(el('p', {class: 'card'}, say('load_failed')));
  }
}

update();
setInterval(() => {
  if (document.visibilityState === 'visible') update();
}, REFRESH_MS);
