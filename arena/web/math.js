// The common part of TeX's mathematics to MathML, which browsers draw themselves. What isn't
// known is shown as it was written.
const MATHML = 'http://www.w3.org/1998/Math/MathML';
const MAX_DEPTH = 40, MAX_LENGTH = 4000;

function node(tag, children = [], attributes = {}) {
  const made = document.createElementNS(MATHML, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[children].flat());
  return made;
}

const words = (text) => Object.fromEntries(
  text.trim().split(/\s+/).map((pair) => [pair.slice(0, -1 * [...pair].at(-1).length), [...pair].at(-1)]));

const LETTERS = words(`alphaα betaβ gammaγ deltaδ epsilonϵ varepsilonε zetaζ etaη thetaθ iotaι
  kappaκ lambdaλ muμ nuν xiξ piπ rhoρ sigmaσ tauτ upsilonυ phiϕ varphiφ chiχ psiψ omegaω GammaΓ
  DeltaΔ ThetaΘ LambdaΛ XiΞ PiΠ SigmaΣ PhiΦ PsiΨ OmegaΩ infty∞ ellℓ hbarℏ partial∂ nabla∇
  emptyset∅ varnothing∅ alephℵ ReℜImℑ forall∀ exists∃ top⊤ bot⊥ prime′ angle∠ triangle△`);
const SIGNS = words(`times× cdot⋅ div÷ pm± mp∓ ast∗ star⋆ circ∘ bullet∙ leq≤ le≤ geq≥ ge≥ neq≠ ne≠
  approx≈ equiv≡ sim∼ simeq≃ cong≅ propto∝ ll≪ gg≫ in∈ notin∉ ni∋ subset⊂ subseteq⊆ supset⊃
  supseteq⊇ cup∪ cap∩ setminus∖ land∧ wedge∧ lor∨ vee∨ neg¬ lnot¬ to→ rightarrow→ leftarrow←
  Rightarrow⇒ Leftarrow⇐ leftrightarrow↔ Leftrightarrow⇔ implies⟹ iff⟺ mapsto↦ uparrow↑
  downarrow↓ ldots… cdots⋯ dots… vdots⋮ ddots⋱ mid∣ parallel∥ perp⊥ otimes⊗ oplus⊕ langle⟨
  rangle⟩ lfloor⌊ rfloor⌋ lceil⌈ rceil⌉ therefore∴ because∵ models⊨ vdash⊢`);
const LARGE = words('sum∑ prod∏ int∫ iint∬ oint∮ bigcup⋃ bigcap⋂ coprod∐');
const NAMES = new Set(('sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp lim ' +
  'max min sup inf det dim ker gcd arg argmax argmin Pr mod bmod').split(' '));
const ACCENTS = {hat: '^', bar: '¯', overline: '¯', vec: '→', tilde: '~', dot: '˙', ddot: '¨'};
const SPACES = {',': '0.17em', ':': '0.22em', ';': '0.28em', ' ': '0.25em', '!': '-0.17em',
  quad: '1em', qquad: '2em'};
const FONTS = {mathbf: 'bold', boldsymbol: 'bold', mathrm: 'normal', mathbb: 'double-struck',
  mathcal: 'script', operatorname: 'normal', mathit: 'italic', mathsf: 'normal'};

class Parser {
  constructor(text) {
    this.tokens = text.match(/\\[a-zA-Z]+|\\[\s\S]|\d+(?:\.\d+)?|\s+|[\s\S]/gu) ?? [];
    this.at = 0;
    this.depth = 0;
  }

  peek() {
    while (/^\s+$/.test(this.tokens[this.at] ?? '')) this.at += 1;
    return this.tokens[this.at];
  }

  next() {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  // Up to one of `ends`, which is not taken, or the end.
  row(...ends) {
    const nodes = [];
    while (this.peek() !== undefined && !ends.includes(this.peek())) nodes.push(this.scripted());
    return node('mrow', nodes);
  }

  scripted() {
    const isLarge = LARGE[(this.peek() ?? '').slice(1)] ||
      /^\\(lim|max|min|sup|inf|arg(max|min))$/.test(this.peek());
    const base = this.atom();
    let low, high;
    while (this.peek() === '_' || this.peek() === '^' || this.peek() === "'") {
      const token = this.next();
      if (token === '_') low = this.argument();
      else if (token === '^') high = this.argument();
      else high = node('mo', '′');
    }
    if (!low && !high) return base;
    const [both, under, over] =
      isLarge ? ['munderover', 'munder', 'mover'] : ['msubsup', 'msub', 'msup'];
    if (low && high) return node(both, [base, low, high]);
    return low ? node(under, [base, low]) : node(over, [base, high]);
  }

  argument() {
    if (this.peek() === undefined) return node('mrow');
    if (this.peek() !== '{') return this.atom();
    this.next();
    const inner = this.row('}');
    this.next();
    return inner;
  }

  // The characters of a group, spaces and all.
  rawArgument() {
    if (this.peek() !== '{') return this.next() ?? '';
    this.next();
    let text = '';
    for (let depth = 0; this.at < this.tokens.length; this.at += 1) {
      const token = this.tokens[this.at];
      if (token === '{') depth += 1;
      if (token === '}' && depth-- === 0) break;
      text += token;
    }
    this.at += 1;
    return text;
  }

  atom() {
    if (++this.depth > MAX_DEPTH) throw new RangeError('too deep');
    const token = this.next();
    const made = this.made(token);
    this.depth -= 1;
    return made;
  }

  made(token) {
    if (token === undefined) return node('mrow');
    if (token === '{') {
      this.at -= 1;
      return this.argument();
    }
    if (token[0] === '\\') return this.command(token.slice(1));
    if (/^\d/.test(token)) return node('mn', token);
    if (/^\p{L}$/u.test(token)) return node('mi', token);
    if (token === '|') return node('mo', '|', {stretchy: 'false', lspace: '0', rspace: '0'});
    return node('mo', token === '-' ? '−' : token === '*' ? '∗' : token);
  }

  command(name) {
    if (LETTERS[name]) return node('mi', LETTERS[name]);
    if (SIGNS[name]) return node('mo', SIGNS[name]);
    if (LARGE[name]) return node('mo', LARGE[name], {largeop: 'true', movablelimits: 'false'});
    if (NAMES.has(name)) return node('mi', name.replace(/^arg(?=m)/, 'arg '));
    if (SPACES[name]) return node('mspace', [], {width: SPACES[name]});
    if (ACCENTS[name]) {
      return node('mover', [this.argument(), node('mo', ACCENTS[name])], {accent: 'true'});
    }
    if (FONTS[name]) return node('mi', this.rawArgument(), {mathvariant: FONTS[name]});
    if (/^(text|textbf|textit|mbox)$/.test(name)) return node('mtext', this.rawArgument());
    if (/^[dt]?frac$/.test(name)) return node('mfrac', [this.argument(), this.argument()]);
    if (/^[dt]?binom$/.test(name)) {
      const fraction = node('mfrac', [this.argument(), this.argument()], {linethickness: '0'});
      return node('mrow', [node('mo', '('), fraction, node('mo', ')')]);
    }
    if (name === 'sqrt') return this.root();
    if (name === 'boxed') return node('mrow', [this.argument()], {class: 'boxed'});
    if (name === 'left') return this.fenced();
    if (name === 'begin') return this.environment();
    if (/^([bB]ig+[lr]?|displaystyle|textstyle|limits|nolimits)$/.test(name)) return node('mrow');
    if (name === '\\') return node('mspace', [], {linebreak: 'newline'});
    if (/^[{}%$&#_|]$/.test(name)) return node('mo', name);
    return node('mtext', '\\' + name);
  }

  root() {
    if (this.peek() !== '[') return node('msqrt', [this.argument()]);
    this.next();
    const index = this.row(']');
    this.next();
    return node('mroot', [this.argument(), index]);
  }

  delimiter() {
    const token = this.next() ?? '.';
    if (token === '.') return '';
    return SIGNS[token.slice(1)] ?? token.replace(/^\\/, '');
  }

  fenced() {
    const open = this.delimiter();
    const inner = this.row('\\right');
    this.next();
    const close = this.delimiter();
    return node('mrow', [node('mo', open), inner, node('mo', close)]);
  }

  environment() {
    const name = this.rawArgument();
    if (name === 'array') this.rawArgument();
    const rows = [[]];
    while (this.peek() !== undefined && this.peek() !== '\\end') {
      rows.at(-1).push(node('mtd', [this.row('&', '\\\\', '\\end')]));
      if (this.peek() === '&') this.next();
      else if (this.peek() === '\\\\') {
        this.next();
        rows.push([]);
      }
    }
    this.next();
    this.rawArgument();
    const body = node('mtable', rows.filter((row) => row.length > 0).map((row) => node('mtr', row)));
    const [open, close] = {pmatrix: '()', bmatrix: '[]', vmatrix: '||', cases: '{'}[name] ?? '';
    return node('mrow', [open && node('mo', open), body, close && node('mo', close)].filter(Boolean));
  }
}

// `text` without its dollars. Never throws.
export function renderMath(text, isDisplay) {
  const attributes = isDisplay ? {display: 'block'} : {};
  try {
    if (text.length > MAX_LENGTH) throw new RangeError('too long');
    const parser = new Parser(text);
    const rows = [];
    while (parser.peek() !== undefined) {
      rows.push(parser.row());
      parser.next();
    }
    return node('math', rows, attributes);
  } catch {
    return document.createTextNode(text);
  }
}
