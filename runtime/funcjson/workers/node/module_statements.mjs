// The `import` and `export` statements of an ES module, found in its tokens.

import { tokensOf } from './tokens.mjs';

// Names that stand between two operands.
const BETWEEN = new Set(['in', 'instanceof', 'of', 'as']);
// Names after which an expression goes on, also on the next line.
const PREFIXES = new Set(['async', 'class', 'function', 'new', 'typeof', 'void', 'delete', 'await', 'extends', 'in', 'instanceof']);

/**
 * `{statements, dynamic, uses}`: the statements in order, the places of `import(...)`, and every name that the rest of the code uses.
 *
 * A statement has `at` and `end` and one of these kinds: `import` with `from` and `names`, each `[imported, local]`, or `isForEffect`,
 * and `fromAt`, where the text of `from` begins; `reexport` with `from` and `names`, each `[imported, exported]`; `names` (`export {...}`) with `names`, each `[local, exported]`; `declaration`
 * (`export const ...`) with `names` as well; `default` with the `name` that it declares, or with `nameAt`, where a function or
 * class without a name would have one. The name of a whole module is `*`, and a re-export of all it has is `['*', undefined]`.
 */
export function moduleStatements(code) {
  const reader = new Reader(tokensOf(code));
  const statements = [];
  const dynamic = [];
  const uses = new Set();
  for (let token; (token = reader.take()); ) {
    if (token.kind !== 'name') continue;
    const isWord = !token.isMember && (token.text === 'import' || token.text === 'export');
    if (isWord && reader.is('(')) dynamic.push(token.at);
    else if (isWord && token.depth === 0 && !reader.is('.')) statements.push(statement(reader, token));
    else if (isUse(token, reader)) uses.add(token.text);
  }
  return { statements, dynamic, uses };
}

/** Which imported names are in use, and which names in an `export {...}` stand for something: the others are types. */
export function namesInUse(statements, uses) {
  const all = (wanted, which) =>
    statements.filter(({ kind }) => kind === wanted).flatMap(({ names }) => names.map((pair) => pair[which]));
  return { imported: new Set([...uses, ...all('names', 0)]), exported: new Set([...uses, ...all('import', 1)]) };
}

/** The code with pieces replaced; each keeps its line breaks. */
export function edited(code, edits) {
  let output = '';
  let position = 0;
  for (const { at, end, text } of edits.sort((a, b) => a.at - b.at)) {
    output += code.slice(position, at) + text + code.slice(at, end).replace(/[^\n]/g, '');
    position = end;
  }
  return output + code.slice(position);
}

function isUse(token, reader) {
  // `{a}` uses it; `x.a`, `{a: 1}` and `{a() {}}` do not.
  return !token.isMember || (token.isKey && !reader.is(':') && !reader.is('('));
}

function statement(reader, { text, at }) {
  const made = text === 'import' ? importOf(reader) : exportOf(reader);
  return { at, end: reader.end, ...made };
}

function importOf(reader) {
  if (reader.next?.kind === 'string') return { kind: 'import', names: [], isForEffect: true, ...from(reader) };
  const names = [];
  do {
    if (reader.is('*')) names.push(whole(reader));
    else if (reader.is('{')) names.push(...list(reader));
    else names.push(['default', reader.take().text]);
  } while (reader.accept(','));
  reader.accept('from');
  return { kind: 'import', names, ...from(reader) };
}

function exportOf(reader) {
  if (reader.is('*')) {
    const names = [whole(reader)];
    reader.accept('from');
    return { kind: 'reexport', names, ...from(reader) };
  }
  if (reader.is('{')) {
    const names = list(reader);
    if (reader.accept('from')) return { kind: 'reexport', names, ...from(reader) };
    reader.accept(';');
    return { kind: 'names', names };
  }
  if (reader.accept('default')) return { kind: 'default', end: reader.end, ...declared(reader) };
  const end = reader.end;
  const { name } = declared(reader);
  return { kind: 'declaration', end, names: (name ? [name] : variables(reader)).map((each) => [each, each]) };
}

/** The string, and what may follow it. */
function from(reader) {
  const { text, at } = reader.take();
  if (!reader.next?.isOnNewLine && (reader.accept('with') || reader.accept('assert'))) reader.skipBrackets();
  reader.accept(';');
  return { from: text, fromAt: at };
}

/** `* as all`, or `*`. */
function whole(reader) {
  reader.take();
  return ['*', reader.accept('as') ? nameOf(reader.take()) : undefined];
}

/** `{a, b as c}` as [[a, a], [b, c]]. */
function list(reader) {
  const names = [];
  reader.take();
  while (reader.next && !reader.accept('}')) {
    const name = nameOf(reader.take());
    names.push([name, reader.accept('as') ? nameOf(reader.take()) : name]);
    reader.accept(',');
  }
  return names;
}

/** Exported names may be strings. */
function nameOf({ kind, text }) {
  return kind === 'string' ? JSON.parse(`"${text.slice(1, -1).replaceAll(/\\'|"/g, (found) => (found === '"' ? '\\"' : "'"))}"`) : text;
}

/** The name of the function or class that is declared here. Nothing is taken: its text is still to be read. */
function declared(reader) {
  let ahead = 0;
  if (reader.peek(ahead)?.text === 'async' && reader.peek(ahead + 1)?.text === 'function') ahead++;
  if (!['function', 'class'].includes(reader.peek(ahead)?.text)) return {};
  if (reader.peek(ahead + 1)?.text === '*') ahead++;
  const { kind, text } = reader.peek(ahead + 1) ?? {};
  return kind === 'name' && text !== 'extends' ? { name: text } : { nameAt: reader.peek(ahead).end };
}

/** The names that `const {a, b: [c]} = d, e = f` declares. Nothing is taken: its text is still to be read. */
function variables(reader) {
  const ahead = reader.copy();
  const names = [];
  ahead.take();
  do {
    names.push(...bound(ahead));
    if (ahead.accept('=')) ahead.skipInitializer();
  } while (ahead.accept(','));
  return names;
}

/** The names that a pattern binds: all but those of members, `a` in `{a: b}`, and those in default values. */
function bound(reader) {
  const token = reader.take();
  if (!token) return [];
  if (token.kind === 'name') return [token.text];
  const names = [];
  while (reader.next && !reader.accept(token.text === '{' ? '}' : ']')) {
    if (reader.accept(',') || reader.accept('...')) continue;
    if (token.text === '{' && reader.is('[')) reader.skipBrackets();
    else if (token.text === '{' && reader.peek(1)?.text === ':') reader.take();
    reader.accept(':');
    names.push(...bound(reader));
    if (reader.accept('=')) reader.skipInitializer();
  }
  return names;
}

/** Goes through tokens. */
class Reader {
  #tokens;
  #at;

  constructor(tokens, at = 0) {
    this.#tokens = tokens;
    this.#at = at;
  }

  copy() {
    return new Reader(this.#tokens, this.#at);
  }

  get next() {
    return this.#tokens[this.#at];
  }

  /** Where the last token ended. */
  get end() {
    return this.#tokens[this.#at - 1].end;
  }

  peek(ahead) {
    return this.#tokens[this.#at + ahead];
  }

  take() {
    return this.#tokens[this.#at++];
  }

  is(text) {
    return this.next?.text === text && this.next.kind !== 'string';
  }

  accept(text) {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  /** Go on behind the bracket that closes the next one. */
  skipBrackets() {
    const { depth } = this.take();
    while (this.next && this.next.depth > depth) this.#at++;
    this.#at++;
  }

  /** Go on to the comma, the bracket or the statement that follows an initial value. */
  skipInitializer() {
    const { depth } = this.next ?? {};
    for (let before; this.next && this.next.depth >= depth; before = this.take()) {
      if (this.next.depth > depth) continue;
      if (this.is(',') || this.is(';') || (before && isNewStatement(before, this.next))) return;
    }
  }
}

/** Whether a statement ends between two tokens without a semicolon: the next line cannot go on with it. */
function isNewStatement(before, { kind, text, isOnNewLine }) {
  if (!isOnNewLine || !before.endsOperand || (before.kind === 'name' && !before.isMember && PREFIXES.has(before.text))) return false;
  return kind === 'name' ? !BETWEEN.has(text) : ['string', 'number', 'regex'].includes(kind) || ['++', '--', '{', '@'].includes(text);
}
