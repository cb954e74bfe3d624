// Games between models, move by move.
import {el, getJson, modelLink, say, svg} from './dom.js';

const app = document.getElementById('app');
const BOARD_LINE = /^\s*(?:[.XO] )+(?:[.XO] ?)?\|?\s*$/;

// Boards in a text, each as rows of ".XO" from the top.
export function boards(text) {
  const found = [];
  let rows = [];
  const end = () => {
    if (rows.length > 1) found.push(rows);
    rows = [];
  };
  for (const line of text.split('\n')) {
    if (BOARD_LINE.test(line)) rows.push(line.replace(/[^.XO]/g, ''));
    else end();
  }
  end();
  return found;
}

const cell = (board, r, c) => board[r]?.[c] ?? '.';
const swapped = (row) => row.replace(/[XO]/g, (stone) => stone === 'X' ? 'O' : 'X');
const withStone = (board, r, c, stone) =>
  board.map((row, i) => i === r ? row.slice(0, c) + stone + row.slice(c + 1) : row);

// Between two boards a player and his opponent moved: a frame for each stone.
function between(before, after, first) {
  const added = [];
  after.forEach((row, r) => [...row].forEach((stone, c) => {
    if (stone !== '.' && cell(before, r, c) === '.') added.push([r, c, stone]);
  }));
  added.sort((one, other) => (one[2] === first ? 0 : 1) - (other[2] === first ? 0 : 1));
  let board = before;
  return added.map(([r, c, stone]) => {
    board = withStone(board, r, c, stone);
    return {board, last: [r, c]};
  });
}

// Who ended the game, and whether by a move: "seat 0: won".
function endOf(detail) {
  const [, seat, what] = /^(?:seat (\d+): )?(.*)$/s.exec(detail.reason ?? '');
  return {isOwn: seat === undefined || Number(seat) === detail.seat, isMove: /^(won|draw)$/.test(what)};
}

// Where the stone of a move falls that no board shows any more.
function lastMove(board, text, stone) {
  const said = text.split('\n').filter((line) => line.trim() && !BOARD_LINE.test(line)).at(-1) ?? '';
  const column = Number(/(\d+)\D*$/.exec(said)?.[1]) - 1;
  if (!(column >= 0 && column < board[0].length)) return null;
  for (let r = board.length - 1; r >= 0; --r) {
    if (cell(board, r, column) === '.') return {board: withStone(board, r, column, stone), last: [r, column]};
  }
  return null;
}

export function frames(detail) {
  const asTold = boards(detail.opening ?? '').at(-1);
  if (!asTold) return [];
  // A board shows its reader's own stones as X, and seat 0 reads the opening.
  const opening = detail.seat === 1 ? asTold.map(swapped) : asTold;
  const own = /You are O/.test(detail.opening) ? 'O' : 'X';
  const result = [{board: opening, last: null}];
  const told = boards(detail.transcript ?? '');
  for (const board of told) result.push(...between(result.at(-1).board, board, own));
  const transcript = detail.transcript ?? '';
  if (opening.length <= 3) return result;  // tic-tac-toe, where no stone falls
  const after = transcript.slice(transcript.lastIndexOf('|') + 1);
  const {isOwn, isMove} = endOf(detail);
  const add = (text, stone) => {
    const frame = lastMove(result.at(-1).board, text, stone);
    if (frame) result.push(frame);
  };
  if (isMove || !isOwn) add(after, own);
  if (isMove && !isOwn) add(detail.last_move ?? '', own === 'X' ? 'O' : 'X');
  return result;
}

function drawBoard({board, last}, label) {
  const size = 56, height = board.length * size, width = board[0].length * size;
  const drawing = svg('svg', {class: 'chart board', viewBox: `0 0 ${width + 12} ${height + 12}`,
    role: 'img', 'aria-label': label},
  svg('rect', {class: 'frame', width: width + 12, height: height + 12, rx: 14}));
  board.forEach((row, r) => [...row].forEach((stone, c) => {
    const at = {cx: 6 + (c + 0.5) * size, cy: 6 + (r + 0.5) * size, r: size * 0.4};
    const isLast = last && last[0] === r && last[1] === c;
    const kind = stone === '.' ? 'hole' : 'stone-' + stone.toLowerCase();
    drawing.append(svg('circle', {...at, class: kind + (isLast ? ' last' : '')}));
    if (stone !== '.') {
      drawing.append(svg('text', {class: 'in-stone', x: at.cx, y: at.cy + 6, 'font-size': 17}, stone));
    }
  }));
  return drawing;
}

function viewer(game) {
  const all = frames(game.detail);
  let at = 0, timer = null;
  const place = el('div'), count = el('p', {role: 'status', class: 'quiet'});
  const play = el('button', {type: 'button', id: 'play'}, say('play'));
  const show = (n) => {
    at = Math.max(0, Math.min(all.length - 1, n));
    const label = say('board_label', {n: at, text: all[at].board.join(' / ')});
    place.replaceChildren(drawBoard(all[at], label));
    count.textContent = say('move', {n: at, all: all.length - 1});
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = say('play');
  };
  const step = (symbol, key, move) => {
    const button = el('button', {type: 'button', 'aria-label': say(key), id: key}, symbol);
    button.addEventListener('click', () => {
      stop();
      show(move());
    });
    return button;
  };
  play.addEventListener('click', () => {
    if (timer) return stop();
    if (at === all.length - 1) show(0);
    play.textContent = say('stop');
    timer = setInterval(() => {
      show(at + 1);
      if (at === all.length - 1 || !place.isConnected) stop();
    }, 700);
  });
  const {model_a: a, model_b: b, score} = game;
  // Whose conversation it is plays X.
  const [stoneA, stoneB] = game.detail.seat === 1 ? ['O', 'X'] : ['X', 'O'];
  const stone = (letter) => all.length > 0 && el('span', {class: 'badge'}, letter);
  const reason = (game.detail.reason ?? '').replace(/^seat ([01])(?=:)/, (_, seat) => [a, b][seat]);
  const verdict = score === 0.5 ? say('drawn') : say('won_by', {name: score === 1 ? a : b});
  const card = el('section', {class: 'card'},
    el('div', {class: 'players'}, el('span', null, modelLink(a), stone(stoneA),
        el('span', {class: 'badge'}, say('first_move'))),
      el('strong', null, verdict), el('span', null, modelLink(b), stone(stoneB))),
    all.length > 0 && [place, count, el('div', {class: 'controls'},
      step('|◀', 'to_start', () => 0), step('◀', 'back_one', () => at - 1), play,
      step('▶', 'forward_one', () => at + 1), step('▶|', 'to_end', () => all.length - 1))],
    el('p', {class: 'quiet', lang: 'en'}, reason),
    el('details', {class: 'more', open: all.length === 0}, el('summary', null, say('transcript')),
      el('pre', {class: 'transcript'}, (game.detail.opening ?? '') + '\n' + (game.detail.transcript ?? ''))));
  if (all.length > 0) show(0);
  return card;
}

function listOf(games, choose) {
  const buttons = games.map((game) => {
    const mark = game.score === 1 ? '1–0' : game.score === 0 ? '0–1' : '½–½';
    return el('button', {type: 'button'}, say('game_of', {a: game.model_a, b: game.model_b}),
      ' ', el('span', {class: 'badge'}, mark), el('br'), el('span', {class: 'quiet'}, game.subject));
  });
  buttons.forEach((button, i) => button.addEventListener('click', () => {
    buttons.forEach((other) => other.removeAttribute('aria-current'));
    button.setAttribute('aria-current', 'true');
    choose(games[i]);
  }));
  return [el('section', {class: 'card list', 'aria-label': say('games_list')}, buttons), buttons];
}

async function draw() {
  try {
    const model = new URLSearchParams(location.search).get('model') ?? '';
    const {games} = await getJson('/api/games?model=' + encodeURIComponent(model));
    if (games.length === 0) {
      app.replaceChildren(el('section', {class: 'card'}, el('p', null, say('no_games')),
        el('pre', {class: 'command'}, 'rl-arena match --env "game/connect4(opponent=self)"')));
      return;
    }
    const place = el('div', {'aria-live': 'polite'});
    const [list, buttons] = listOf(games, (game) => place.replaceChildren(viewer(game)));
    app.replaceChildren(el('div', {class: 'games'}, list, place));
    buttons[0].click();
  } catch {
    app.replaceChildren(el('p', {class: 'card'}, say('load_failed')));
  }
}

if (app) draw();
