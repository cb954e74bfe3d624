// A battle: replies stream in, keys 1 to 4 vote. The page also works without this file.
import {say} from './dom.js';
import {render} from './markdown.js';

const battle = document.getElementById('battle');
const form = document.getElementById('vote');
const choices = document.getElementById('choices');
const status = document.getElementById('status');
document.documentElement.classList.add('scripted');

// Replies that came with the page stand there as plain text.
for (const pre of document.querySelectorAll('.reply .text > pre')) {
  pre.parentElement.replaceChildren(render(pre.textContent));
}

function openVote() {
  choices.disabled = false;
  const more = document.getElementById('more');
  if (more) more.disabled = false;
  status.textContent = say('status_ready');
}

function listen() {
  const sides = ['a', 'b'].map((side) => {
    const all = document.querySelectorAll('.reply.side-' + side);
    const article = all[all.length - 1];
    return {article, place: article.querySelector('.text'), text: '', isDrawn: true};
  });
  let isWaiting = false;
  const draw = () => {
    isWaiting = false;
    for (const side of sides) {
      if (side.isDrawn || side.text === '') continue;
      side.place.replaceChildren(render(side.text));
      side.isDrawn = true;
    }
  };
  const drawSoon = () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(draw, 50);
  };
  const source = new EventSource('/api/battles/' + battle.dataset.id + '/stream');
  let isSpoilt = false;
  source.addEventListener('text', (event) => {
    const piece = JSON.parse(event.data);
    const side = sides[piece.side];
    side.text = piece.whole ? piece.text : side.text + piece.text;
    side.isDrawn = false;
    status.textContent = say('status_live');
    drawSoon();
  });
  source.addEventListener('end', (event) => {
    const {side, finish} = JSON.parse(event.data);
    sides[side].article.removeAttribute('data-live');
    sides[side].article.removeAttribute('aria-busy');
    if (finish !== 'stop') isSpoilt = true;  // the page says how it ended
  });
  source.addEventListener('done', () => {
    source.close();
    draw();
    const isEmpty = sides.some((side) => side.text === '');
    if (isSpoilt || isEmpty) {
      location.reload();
    } else {
      openVote();
    }
  });
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => location.reload(), 2000);
    } else {
      status.textContent = say('lost');
    }
  });
}

// One vote, however often somebody clicks. The server counts one anyway.
let isSent = false;
function vote(value) {
  if (!form || choices.disabled || isSent) return;
  form.querySelector('input[value="' + value + '"]').checked = true;
  form.requestSubmit();
}

if (form) {
  form.addEventListener('submit', (event) => {
    if (isSent) {
      event.preventDefault();
      return;
    }
    isSent = true;
  });
  // A click with a pointer votes at once. Arrow keys only move the choice: Enter votes then.
  for (const label of form.querySelectorAll('.choice')) {
    let isPointer = false;
    label.addEventListener('pointerdown', () => { isPointer = true; });
    label.querySelector('input').addEventListener('click', (event) => {
      if (isPointer) vote(event.target.value);
      isPointer = false;
    });
  }
}

for (const id of ['turn', 'comment']) {
  let isGone = false;
  document.getElementById(id)?.addEventListener('submit', (event) => {
    if (isGone) event.preventDefault();
    isGone = true;
  });
}

document.addEventListener('keydown', (event) => {
  const isTyping = /^(TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const value = {1: 'a', 2: 'b', 3: 'tie', 4: 'both_bad'}[event.key];
  if (value && form) {
    event.preventDefault();
    vote(value);
  }
  const next = document.getElementById('next');
  if (event.key.toLowerCase() === 'n' && next && !event.repeat) next.form.requestSubmit();
});

// From the browser's memory of an earlier state: ask what has become of it.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

if ('shown' in battle.dataset) {
  document.getElementById('result')?.focus({preventScroll: true});
} else if ('live' in battle.dataset) {
  listen();
}
