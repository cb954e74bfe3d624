// One model: where it comes from, what became of it, and battles that it fought.
import {el, getJson, modelLink, say} from './dom.js';
import {render} from './markdown.js';

const app = document.getElementById('app');
const name = new URLSearchParams(location.search).get('name') ?? '';

function facts(model) {
  const rows = [
    [say('stage_step'), [model.stage || '–', ' · ', model.step]],
    ['Elo', [model.live_elo.toFixed(0), ' · ', say('num_votes', {n: model.votes})]],
    [say('weights'), el('code', null, model.weights ? model.weights.slice(0, 16) + '…' : '–')],
  ];
  if (model.retired) rows.push([say('retired'), model.retired_why || '–']);
  return el('dl', {class: 'facts'}, rows.map(([key, value]) => [el('dt', null, key), el('dd', null, value)]));
}

function outcome(battle) {
  if (battle.choice === 'tie') return say('tied');
  if (battle.choice === 'both_bad') return say('bad');
  const isA = battle.model_a === name;
  return say((battle.choice === 'a') === isA ? 'won' : 'lost_battle');
}

function sample(battle) {
  const other = battle.model_a === name ? battle.model_b : battle.model_a;
  return el('article', {class: 'sample'},
    el('p', {class: 'quiet'}, outcome(battle), ' · ', say('against'), ' ', modelLink(other),
      battle.category && el('span', {class: 'badge'}, battle.category)),
    el('p', {class: 'asked-line', dir: 'auto'}, battle.prompt),
    el('div', {class: 'sides'}, battle.replies.map((text, side) =>
      el('div', {class: 'reply side-' + 'ab'[side]},
        el('h3', {class: 'quiet'}, side === 0 ? battle.model_a : battle.model_b),
        el('div', {class: 'text', dir: 'auto'}, render(text))))));
}

async function draw() {
  try {
    const {model, lineage, children, battles} = await getJson('/api/model?name=' + encodeURIComponent(name));
    const chain = [...lineage].reverse();
    app.replaceChildren(
      el('section', {class: 'card'}, facts(model)),
      el('section', {class: 'card'}, el('h2', null, say('lineage')),
        el('ol', {class: 'lineage'}, chain.map((one) => el('li', null,
          one.name === name ? el('strong', null, name) : modelLink(one.name)))),
        children.length > 0 && [el('h2', {class: 'quiet'}, say('children')),
          el('ul', null, children.map((one) => el('li', null, modelLink(one.name))))]),
      el('section', {class: 'card'}, el('h2', null, say('battles')),
        battles.length === 0 ? el('p', null, say('no_battles')) : battles.map(sample)));
  } catch {
    app.replaceChildren(el('p', {class: 'card'}, say('load_failed')));
  }
}

draw();
