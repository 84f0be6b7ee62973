// `main` of package.json: a file, a folder, or a pattern such as `src/{functions,jobs}/*.js`, read as the real worker does (globby 11).
// The same rules in Python: frontends/main_files.py. Both are held to tests/conformance/vectors/main_files.json.

import fs from 'node:fs';
import path from 'node:path';

/** The files that `main` names, sorted, without those in node_modules. */
export function expandMain(root, main) {
  const pattern = main.replaceAll('\\', '/').replace(/^\.\//, '');
  const found = matching(root, pattern);
  return found.length > 0 ? found : uncompiled(root, pattern);
}

/** The sources of an app in TypeScript that was not compiled: `dist/src/*.js` is made of `src/*.ts`. */
function uncompiled(root, pattern) {
  const [, inner] = /^[^/]+\/(.*\.js\b.*)$/.exec(pattern) ?? [];
  if (!inner) return [];
  const source = inner.replaceAll('.js', '.ts');
  for (const candidate of [source, `src/${source}`]) {
    const found = matching(root, candidate);
    if (found.length > 0) return found;
  }
  return [];
}

function matching(root, pattern) {
  const exact = path.join(root, pattern);
  const there = statusOf(exact);
  if (there?.isFile()) return [exact];
  if (pattern.endsWith('/') && !there) return []; // a pattern for folders
  const patterns = there?.isDirectory() ? [`${pattern}/**`] : isGlob(pattern) ? braces(pattern) : [];
  const found = new Set(patterns.flatMap((each) => [...filesOf(root, each)]));
  return [...found].sort().map((file) => path.join(root, file));
}

export function isGlob(main) {
  return /[*?[{!(]/.test(main);
}

function* filesOf(root, pattern) {
  const steps = pattern.split('/').filter((step) => step !== '');
  const fixed = steps.findIndex(isGlob);
  if (fixed < 0) {
    if (statusOf(path.join(root, pattern))?.isFile()) yield pattern;
    return;
  }
  const folder = steps.slice(0, fixed).map((step) => `${step}/`).join('');
  const rest = steps.slice(fixed);
  const match = toRegExp(rest);
  for (const file of filesBelow(path.join(root, folder), rest.includes('**') ? Infinity : rest.length)) {
    if (match.test(file) && !file.endsWith('.d.ts')) yield folder + file;
  }
}

/** The files of a folder, down to a depth, links followed, but not in circles; `inside` are the folders with the links that led here. */
function* filesBelow(folder, depth, inside = []) {
  for (const entry of entriesOf(folder)) {
    const file = path.join(folder, entry.name);
    const isLink = entry.isSymbolicLink();
    const kind = isLink ? statusOf(file) : entry;
    if (kind?.isFile()) yield entry.name;
    if (!kind?.isDirectory() || depth === 1 || entry.name === 'node_modules') continue;
    const places = isLink ? [...inside, fs.realpathSync(folder)] : inside;
    if (isLink && places.some((place) => `${place}/`.startsWith(`${fs.realpathSync(file)}/`))) continue;
    for (const inner of filesBelow(file, depth - 1, places)) yield `${entry.name}/${inner}`;
  }
}

function entriesOf(folder) {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function statusOf(file) {
  try {
    return fs.statSync(file);
  } catch {
    return undefined; // not there, or a link that leads nowhere
  }
}

const BRACES = /\{([^{}]*(?:,|\.\.)[^{}]*)\}/;
const RANGE = /^(?:(-?\d+)\.\.(-?\d+)|([a-z])\.\.([a-z]))(?:\.\.-?(\d+))?$/i;

/** `a{b,c}d` as `abd`, `acd`; `{1..3}` and `{a..c}` count. */
function braces(pattern) {
  const match = BRACES.exec(pattern);
  if (!match) return [pattern];
  const before = pattern.slice(0, match.index);
  const after = pattern.slice(match.index + match[0].length);
  return (range(match[1]) ?? match[1].split(',')).flatMap((choice) => braces(before + choice + after));
}

function range(text) {
  const [, from, to, first, last, every = '1'] = RANGE.exec(text) ?? [];
  if (from === undefined && first === undefined) return undefined;
  const isNumber = from !== undefined;
  const [begin, end] = isNumber ? [Number(from), Number(to)] : [first.charCodeAt(0), last.charCodeAt(0)];
  const width = isNumber && /^-?0\d/.test(`${from} ${to}`.match(/-?0\d+/)?.[0] ?? '') ? Math.max(from.length, to.length) : 0;
  const step = Math.max(1, Number(every)) * (begin <= end ? 1 : -1);
  const found = [];
  for (let at = begin; step > 0 ? at <= end : at >= end; at += step) {
    found.push(isNumber ? String(at).padStart(width, '0') : String.fromCharCode(at));
  }
  return found;
}

function toRegExp(steps) {
  const last = steps.length - 1;
  const source = steps.map((step, at) => {
    if (step === '**') return at === last ? String.raw`(?:(?!\.)[^/]+/)*(?!\.)[^/]+` : String.raw`(?:(?!\.)[^/]+/)*`;
    // A name that begins with a dot has to be asked for, but for `!(...)`, which is any other name.
    return (/^(?:\.|!\()/.test(step) ? '' : String.raw`(?!\.)`) + translate(step) + (at === last ? '' : '/');
  });
  return new RegExp(`^${source.join('')}$`);
}

const REPEATS = { '@': '', '?': '?', '*': '*', '+': '+', '': '' };
const GROUP = /^([@?*+!]?)\(/;
const SET = /^\[([!^]?)(\]?[^\]]*)\]/;

/** A step of a path as the source of a regular expression. */
function translate(text) {
  if (text === '') return '';
  const [whole, kind] = GROUP.exec(text) ?? [];
  const end = whole ? closing(text, whole.length) : -1;
  if (end > 0) {
    const inner = text.slice(whole.length, end);
    const choices = `(?:${alternatives(inner).map(translate).join('|')})`;
    const after = text.slice(end + 1);
    const rest = translate(after);
    return (kind === '!' ? notThese(choices, inner, after) : choices + REPEATS[kind]) + rest;
  }
  const set = SET.exec(text);
  if (set) return `[${set[1] && '^'}${set[2].replace(/[\\[\]]/g, '\\$&')}]${translate(text.slice(set[0].length))}`;
  const rest = translate(text.slice(1));
  if (text[0] === '*') return `[^/]*${rest}`;
  if (text[0] === '?') return `[^/]${rest}`;
  return text[0].replace(/[\\^$.|+()[\]{}]/, '\\$&') + rest;
}

/** Names that are none of the choices: as a whole, before an ending where a choice has a `*`, else names that begin with none. */
function notThese(choices, inner, after) {
  if (after === '') return `(?!${choices}(?:/|$))[^/]*?`;
  return `(?!${choices}${inner.includes('*') && /^\.[^.]+$/.test(after) ? translate(after) : ''})[^/]*?`;
}

/** Where the parenthesis that is open at a place is closed; -1 when it is not. */
function closing(text, from) {
  for (let at = from, open = 1; at < text.length; at++) {
    if (text[at] === '(') open++;
    else if (text[at] === ')' && --open === 0) return at;
  }
  return -1;
}

/** `a|b(c|d)` as `a`, `b(c|d)`. */
function alternatives(text) {
  const found = [''];
  let open = 0;
  for (const char of text) {
    if (char === '|' && open === 0) {
      found.push('');
      continue;
    }
    open += char === '(' ? 1 : char === ')' ? -1 : 0;
    found[found.length - 1] += char;
  }
  return found;
}
