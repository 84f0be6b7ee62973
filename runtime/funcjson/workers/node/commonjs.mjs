// An ES module's text as CommonJS, for TypeScript whose types were stripped: what TypeScript itself makes of `import` and `export`.
// Lines stay where they are. Imports of which no name is used in the code were types, and go.

const NAME = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$]*`;
const FROM = String.raw`\s*from\s*(["'])(?<from>[^"']+)\k<quote>\s*;?`.replace('(["', `(?<quote>["`);
const LIST = String.raw`\{(?<list>[^}]*)\}`;

const FORMS = [
  [String.raw`import\s*(?<quote>["'])(?<from>[^"']+)\k<quote>\s*;?`, ({ from }) => ({ text: `require(${quoted(from)});` })],
  [String.raw`import\s+(?:(?<whole>${NAME})\s*,?\s*)?(?:\*\s*as\s+(?<all>${NAME})|${LIST})?${FROM}`, importOf],
  [String.raw`import\s*${LIST}${FROM}`, importOf],
  [String.raw`import\s*\*\s*as\s+(?<all>${NAME})${FROM}`, importOf],
  [String.raw`export\s*${LIST}${FROM}`, reexport],
  [String.raw`export\s*\*\s*as\s+(?<all>${NAME})${FROM}`, ({ all, from }) => ({ exports: [[all, load(from)]] })],
  [
    String.raw`export\s*\*${FROM}`,
    ({ from }) => ({ text: `for (const k of Object.keys(${load(from)})) if (k !== 'default' && !(k in exports)) exports[k] = ${load(from)}[k];` }),
  ],
  [String.raw`export\s*${LIST}\s*;?`, ({ list }) => ({ exports: pairs(list).map(([name, as]) => [as, name]) })],
  [
    String.raw`export\s+default\s+(?=(?:async\s+function|function|class)\b\s*\*?\s*(?<name>(?!extends\b)${NAME}))`,
    ({ name }) => ({ exports: [['default', name]] }),
  ],
  [String.raw`export\s+default\b`, () => ({ text: 'exports.default =' })],
  [
    String.raw`export\s+(?=(?:const|let|var|class|async\s+function|function)\b\s*\*?\s*(?<name>${NAME}))`,
    ({ name }, masked, at) => ({ exports: [name, ...furtherNames(masked, at)].map((each) => [each, each]) }),
  ],
].map(([source, make]) => [new RegExp(source, 'uy'), make]);

/** The text as CommonJS; a text without imports and exports comes back as it is. */
export function toCommonJs(code) {
  const masked = mask(code);
  const found = statements(code, masked);
  if (found.length === 0) return code;
  if (code.startsWith('#!')) found.unshift({ at: 0, end: endOf(code, '\n', 0) });
  let rest = masked;
  for (const { at, end } of found) rest = rest.slice(0, at) + ' '.repeat(end - at) + rest.slice(end);
  const isUsed = (name) => new RegExp(String.raw`(?<![\p{ID_Continue}$.])${escaped(name)}(?![\p{ID_Continue}$])`, 'u').test(rest);
  const exported = found.flatMap(({ exports = [] }) => exports);
  const isReexported = (name) => exported.some(([, value]) => value === name);
  let output = '';
  let position = 0;
  for (const { at, end, text = '', names } of found) {
    output += code.slice(position, at);
    const used = names?.filter(([name]) => isUsed(name) || isReexported(name));
    output += (used ? used.map(([name, value]) => `const ${name} = ${value};`).join(' ') : text) + breaks(code.slice(at, end));
    position = end;
  }
  const getters = exported.map(
    ([name, value]) => `Object.defineProperty(exports, ${quoted(name)}, { enumerable: true, get: () => ${value} });`,
  );
  return `"use strict"; Object.defineProperty(exports, "__esModule", { value: true }); ${getters.join(' ')}${output}${code.slice(position)}`;
}

function statements(code, masked) {
  const found = [];
  const word = /(?<![\p{ID_Continue}$.])(?:import|export)(?![\p{ID_Continue}$])/gu;
  for (let match = word.exec(masked); match; match = word.exec(masked)) {
    if (depth(masked, match.index) > 0) continue;
    for (const [form, make] of FORMS) {
      form.lastIndex = match.index;
      const parts = form.exec(code);
      if (!parts) continue;
      found.push({ at: match.index, end: form.lastIndex, ...make(parts.groups ?? {}, masked, form.lastIndex) });
      word.lastIndex = Math.max(form.lastIndex, match.index + 6);
      break;
    }
  }
  return found;
}

/** How many braces and parentheses are open there; asked in ascending order of places, a file has few. */
function depth(masked, until) {
  let open = 0;
  for (let at = 0; at < until; at++) {
    const char = masked[at];
    if (char === '{' || char === '(' || char === '[') open++;
    else if (char === '}' || char === ')' || char === ']') open--;
  }
  return open;
}

/** `b` of `const a = [1, 2], b = 3`, whose declaration stands at a place. */
function furtherNames(masked, at) {
  if (!/^(?:const|let|var)\b/.test(masked.slice(at))) return [];
  const names = [];
  for (let end = at, open = 0; end < masked.length; end++) {
    const char = masked[end];
    if ('{(['.includes(char)) open++;
    else if ('})]'.includes(char)) open--;
    if (open > 0) continue;
    if (char === ';' || open < 0 || (char === '\n' && !/,\s*$/.test(masked.slice(at, end)))) break;
    const next = char === ',' && new RegExp(String.raw`^,\s*(${NAME})\s*[=,;]`, 'u').exec(masked.slice(end));
    if (next) names.push(next[1]);
  }
  return names;
}

function importOf({ whole, all, list, from }) {
  const names = [];
  if (whole) names.push([whole, `((m) => m && m.__esModule ? m.default : m)(${load(from)})`]);
  if (all) names.push([all, load(from)]);
  for (const [name, as] of pairs(list ?? '')) names.push([as, `${load(from)}[${quoted(name)}]`]);
  return { names };
}

function reexport({ list, from }) {
  return { exports: pairs(list).map(([name, as]) => [as, `${load(from)}[${quoted(name)}]`]) };
}

/** `a, b as c` as [[a, a], [b, c]]. */
function pairs(list) {
  return list
    .split(',')
    .map((item) => item.trim().split(/\s+as\s+/))
    .filter(([name]) => name)
    .map(([name, as]) => [name, as ?? name]);
}

const quoted = (text) => JSON.stringify(text);
const load = (from) => `require(${quoted(from)})`;
const escaped = (name) => name.replaceAll('$', '\\$');
const breaks = (text) => text.replace(/[^\n]/g, '');

const REGEX_AFTER = /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|of|in|do|else|void|delete))\s*$/;

/** The code with its comments, strings and regular expressions blanked; what stands in `${...}` of a template stays. */
export function mask(code) {
  const out = code.split('');
  const blank = (from, to) => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' ';
  };
  const templates = []; // the depth of braces at which each open `${` ends
  let braces = 0;
  let at = 0;
  const template = (from) => {
    let end = from;
    while (end < code.length && code[end] !== '`') {
      if (code[end] === '\\') end++;
      else if (code[end] === '$' && code[end + 1] === '{') {
        blank(from, end + 2);
        templates.push(braces);
        return end + 2;
      }
      end++;
    }
    blank(from, end + 1);
    return end + 1;
  };
  while (at < code.length) {
    const char = code[at];
    const two = code.slice(at, at + 2);
    if (two === '//' || (at === 0 && two === '#!')) {
      const end = endOf(code, '\n', at);
      blank(at, end);
      at = end;
    } else if (two === '/*') {
      const end = Math.min(endOf(code, '*/', at + 2) + 2, code.length);
      blank(at, end);
      at = end;
    } else if (char === '"' || char === "'") {
      const end = closing(code, at + 1, char);
      blank(at, end);
      at = end;
    } else if (char === '`') {
      out[at] = ' ';
      at = template(at + 1);
    } else if (char === '/' && REGEX_AFTER.test(code.slice(Math.max(0, at - 20), at))) {
      const end = closing(code, at + 1, '/');
      blank(at, end);
      at = end;
    } else {
      if (char === '{') braces++;
      else if (char === '}' && templates.at(-1) === braces) {
        templates.pop();
        out[at] = ' ';
        at = template(at + 1);
        continue;
      } else if (char === '}') braces--;
      at++;
    }
  }
  return out.join('');
}

function endOf(code, text, from) {
  const at = code.indexOf(text, from);
  return at < 0 ? code.length : at;
}

function closing(code, from, quote) {
  let isSet = false;
  for (let at = from; at < code.length && code[at] !== '\n'; at++) {
    if (code[at] === '\\') at++;
    else if (quote === '/' && code[at] === '[') isSet = true;
    else if (quote === '/' && code[at] === ']') isSet = false;
    else if (code[at] === quote && !isSet) return at + 1;
  }
  return from;
}
