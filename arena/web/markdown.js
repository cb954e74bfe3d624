// Markdown to DOM nodes. What models write is hostile: every character ends up in a text node,
// there is no path to HTML, links are shown but can't be followed, images are never loaded.
import {el, say} from './dom.js';
import {renderMath} from './math.js';

const MAX_DEPTH = 8;  // of quotes and lists; deeper ones are plain text
// Patterns take quadratic time on text made to hurt them: longer replies, and longer paragraphs
// or lines of them, are shown as they are.
const MAX_LENGTH = 30000, MAX_PARAGRAPH = 4000;

// Inline: code, mathematics, strong, emphasis, strikethrough, links.
const INLINE = new RegExp([
  '(`+)([^`](?:.|\\n)*?[^`]|[^`])\\1(?!`)',          // 1, 2: code
  '\\$\\$((?:[^$]|\\n)+?)\\$\\$',                     // 3: display mathematics
  '\\\\\\[((?:.|\\n)+?)\\\\\\]',                      // 4
  '\\\\\\(((?:.|\\n)+?)\\\\\\)',                      // 5: inline mathematics
  '(?<![\\w$\\\\])\\$(?=\\S)([^$\\n]*?[^\\s$\\\\])\\$(?![\\w$])',  // 6
  '\\*\\*(?=\\S)((?:.|\\n)*?\\S)\\*\\*',              // 7: strong
  '(?<!\\w)__(?=\\S)((?:.|\\n)*?\\S)__(?!\\w)',       // 8
  '(?<!\\*)\\*(?=[^\\s*])((?:[^*]|\\n)*?[^\\s*])\\*(?!\\*)',  // 9: emphasis
  '(?<!\\w)_(?=\\S)([^_]*?\\S)_(?!\\w)',              // 10
  '~~(?=\\S)((?:.|\\n)*?\\S)~~',                      // 11
  '!?\\[([^\\]\\n]*)\\]\\(([^)\\s]*)[^)\\n]*\\)',      // 12, 13: link or image
  '\\\\([\\\\`*_{}\\[\\]()#+.!|~$-])',                // 14: an escaped character
].join('|'), 'g');

function inline(text, depth = 0) {
  if (depth > MAX_DEPTH || text.length > MAX_PARAGRAPH) return [text];
  const nodes = [];
  let end = 0;
  for (const m of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, m.index));
    end = m.index + m[0].length;
    if (m[2] !== undefined) nodes.push(el('code', null, m[2].replace(/^ (.*\S.*) $/, '$1')));
    else if (m[3] ?? m[4]) nodes.push(renderMath(m[3] ?? m[4], true));
    else if (m[5] ?? m[6]) nodes.push(renderMath(m[5] ?? m[6], false));
    else if (m[7] ?? m[8]) nodes.push(el('strong', null, inline(m[7] ?? m[8], depth + 1)));
    else if (m[9] ?? m[10]) nodes.push(el('em', null, inline(m[9] ?? m[10], depth + 1)));
    else if (m[11]) nodes.push(el('s', null, inline(m[11], depth + 1)));
    else if (m[13] !== undefined) {
      nodes.push(el('span', {class: 'link'}, m[12], m[13] ? ' (' + m[13] + ')' : ''));
    } else nodes.push(m[14]);
  }
  nodes.push(text.slice(end));
  return nodes;
}

const LIST = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const FENCE = /^\s*(`{3,}|~{3,})\s*([\w+#.-]*)/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

const cells = (line) =>
  line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim());

function table(lines) {
  const row = (line, tag) => el('tr', null, cells(line).map((cell) => el(tag, null, inline(cell))));
  return el('div', {class: 'scroll', tabindex: 0},
    el('table', null, el('thead', null, row(lines[0], 'th')),
      el('tbody', null, lines.slice(2).map((line) => row(line, 'td')))));
}

// Lines from `start` on that belong to a list; nested lists and paragraphs are indented.
function list(lines, start, depth) {
  const first = LIST.exec(lines[start]);
  const isOrdered = /\d/.test(first[2]);
  const items = [];
  let at = start;
  while (at < lines.length) {
    const m = LIST.exec(lines[at]);
    if (m && m[1].length <= first[1].length && /\d/.test(m[2]) === isOrdered) {
      items.push([m[3]]);
    } else if (m && m[1].length <= first[1].length) {
      break;
    } else if (/^\s*$/.test(lines[at])) {
      const next = lines[at + 1] ?? '';
      const goesOn = LIST.test(next) || /^\s{2,}\S/.test(next);
      if (!goesOn) break;
      items[items.length - 1].push('');
    } else if (/^\s{2,}/.test(lines[at]) || !isBlockStart(lines[at])) {
      items[items.length - 1].push(lines[at].replace(/^\s{1,4}/, ''));
    } else {
      break;
    }
    at += 1;
  }
  const attributes = isOrdered ? {start: parseInt(first[2], 10)} : {};
  const node = el(isOrdered ? 'ol' : 'ul', attributes, items.map((item) => {
    const isPlain = item.length === 1;
    return el('li', null, isPlain ? inline(item[0]) : blocks(item, depth + 1));
  }));
  return [node, at];
}

const isBlockStart = (line) =>
  FENCE.test(line) || /^\s*(#{1,6}\s|>|\\\[|\$\$)/.test(line) || LIST.test(line) ||
  /^\s*([-*_])(\s*\1){2,}\s*$/.test(line);

// Up to a line that holds `closing`, or the end.
function until(lines, start, closing) {
  let at = start;
  while (at < lines.length && !closing(lines[at])) at += 1;
  return at;
}

function fence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const end = until(lines, at + 1, (line) => line.trim().startsWith(mark));
  const code = el('code', null, lines.slice(at + 1, end).join('\n'));
  const label = language && el('span', {class: 'language'}, language);
  return [el('pre', {class: 'code', tabindex: 0}, label, code), end + 1];
}

function displayMath(lines, at) {
  const close = lines[at].trim().startsWith('$$') ? '$$' : '\\]';
  const opening = lines[at].trim().slice(2);
  if (opening.trimEnd().endsWith(close)) {
    return [renderMath(opening.trimEnd().slice(0, -2), true), at + 1];
  }
  const end = until(lines, at + 1, (line) => line.includes(close));
  if (end === lines.length) return null;
  const [last, rest] = lines[end].split(close, 2);
  const text = [opening, ...lines.slice(at + 1, end), last].join('\n');
  const node = renderMath(text, true);
  return [rest.trim() ? el('p', null, node, inline(rest)) : node, end + 1];
}

function paragraph(lines, at) {
  const end = until(lines, at + 1, (line) => /^\s*$/.test(line) || isBlockStart(line));
  return [el('p', null, inline(lines.slice(at, end).join('\n').trim())), end];
}

function block(lines, at, depth) {
  const line = lines[at];
  if (line.length > MAX_PARAGRAPH) return [el('p', null, line), at + 1];
  if (FENCE.test(line)) return fence(lines, at);
  const heading = /^\s*(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return [el(heading[1].length < 3 ? 'h3' : 'h4', null, inline(heading[2])), at + 1];
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return [el('hr'), at + 1];
  if (/^\s*(\$\$|\\\[)/.test(line)) return displayMath(lines, at) ?? paragraph(lines, at);
  if (/^\s*>/.test(line)) {
    const end = until(lines, at, (next) => !/^\s*>/.test(next));
    const inner = lines.slice(at, end).map((quoted) => quoted.replace(/^\s*> ?/, ''));
    return [el('blockquote', null, blocks(inner, depth + 1)), end];
  }
  if (LIST.test(line)) return list(lines, at, depth);
  if (line.includes('|') && TABLE_LINE.test(lines[at + 1] ?? '') && lines[at + 1].includes('-')) {
    const end = until(lines, at + 2, (next) => !next.includes('|'));
    return [table(lines.slice(at, end)), end];
  }
  return paragraph(lines, at);
}

function blocks(lines, depth) {
  if (depth > MAX_DEPTH) return [el('p', null, lines.join('\n'))];
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    if (/^\s*$/.test(lines[at])) {
      at += 1;
      continue;
    }
    const [node, next] = block(lines, at, depth);
    nodes.push(node);
    at = Math.max(next, at + 1);
  }
  return nodes;
}

// Of a whole reply. What stands between <think> and </think> is folded away.
export function render(text) {
  const fragment = document.createDocumentFragment();
  if (text.length > MAX_LENGTH) {
    fragment.append(el('pre', null, text));
    return fragment;
  }
  const thought = /^\s*<think>([\s\S]*?)(<\/think>|$)/.exec(text);
  if (thought && thought[1].trim()) {
    const isOpen = thought[2] === '';
    fragment.append(el('details', {open: isOpen}, el('summary', null, say('thinking')),
      blocks(thought[1].split('\n'), 0)));
  }
  const rest = thought ? text.slice(thought[0].length) : text;
  fragment.append(...blocks(rest.split('\n'), 0));
  return fragment;
}
