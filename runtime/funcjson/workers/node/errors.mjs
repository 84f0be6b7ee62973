// What a thrown value says to a user: its message, and its stack without frames of ours, in terms of the source.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';

import { sourceOf } from './source_maps.mjs';

const OURS = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
// The second is what its own source map calls it.
const LIBRARY = /node_modules[\\/]@azure[\\/]functions[\\/]|webpack:\/\/azure\/functions\//;
const NODE_ITSELF = /(\(|at |at async )(node:|internal\/)/;
const MOST_WITHIN = 20;

/** Anything thrown as an Error: the real worker's rule for values that are none. Never throws. */
export function asError(thrown) {
  try {
    if (types.isNativeError(thrown) || thrown instanceof Error) return thrown;
    return withoutStack(textOf(thrown));
  } catch {
    return unreadable();
  }
}

function textOf(thrown) {
  if (thrown === undefined || thrown === null) return 'Unknown error';
  if (typeof thrown === 'string') return thrown;
  return typeof thrown === 'object' ? String(thrown.message ?? safeJson(thrown)) : String(thrown);
}

function withoutStack(message) {
  const error = new Error(message);
  error.stack = '';
  return error;
}

/** A getter or a proxy may throw in its turn. */
function unreadable() {
  return withoutStack('a value was thrown that cannot be read: it throws when its members are asked for');
}

function safeJson(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return 'Unknown error';
  }
}

/** The stack with the user's frames only, and those of the errors within it. */
function userStack(error) {
  const lines = [];
  const seen = new Set();
  const tell = (thrown, label) => {
    if (seen.has(thrown) || seen.size >= MOST_WITHIN) return;
    seen.add(thrown);
    const each = asError(thrown);
    lines.push(label + (userFrames(typeof each.stack === 'string' ? each.stack : '') || (label && each.message)));
    if (types.isNativeError(each.cause)) tell(each.cause, '  [cause]: ');
    // Of `Promise.any`, and of whoever collects errors.
    if (Array.isArray(each.errors)) for (const inner of each.errors) tell(inner, '  [errors]: ');
  };
  tell(error, '');
  return lines.join('\n');
}

/** The user's frames of a stack. */
export function framesOf(stack) {
  return userFrames(stack.slice(stack.indexOf('\n') + 1));
}

function userFrames(stack) {
  const lines = stack
    .split('\n')
    .filter((line) => !(/^\s+at /.test(line) ? isOurs(line) || NODE_ITSELF.test(line) : isOursInList(line)));
  // Built-ins that the user called are worth a line; those that called the user are not.
  while (lines.at(-1)?.endsWith('(<anonymous>)')) lines.pop();
  return lines.map(inSource).join('\n').trimEnd();
}

/** Of "Require stack:". */
function isOursInList(line) {
  return line.startsWith('- ') && line.includes(OURS);
}

/** A text that may quote a stack, without the lines of ours. */
export function withoutOurFrames(text) {
  if (!text.includes(OURS)) return text;
  return text
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !line.includes(OURS))
    .join('\n');
}

/** Whether a path, or a line with one, is of this worker or of the Functions library. */
export function isOurs(text) {
  return isOfWorker(text) || LIBRARY.test(text);
}

export function isOfWorker(text) {
  return text.includes(OURS);
}

/** An error as the members of a "failed" message; file, line and column are of the user's innermost frame. Never throws. */
export function failure(thrown) {
  try {
    return describe(asError(thrown));
  } catch {
    return describe(unreadable());
  }
}

function describe(error) {
  const stack = userStack(error);
  return {
    type: String(error.name || error.constructor?.name || 'Error'),
    message: String(error.message),
    stack,
    ...placeOf(stack),
  };
}

// A frame: `at f (path:12:3)`, where a path may hold brackets.
const FRAME = /^\s+at (?:async )?(?:.* \()??((?:file:\/\/)?\/.+?):(\d+):(\d+)\)?$/m;
// A syntax error begins with `path:12`, the line of code, and a mark below the place; that of a compiler with `path:12:3`.
const SYNTAX = /^((?:file:\/\/)?\/[^\n]+?):(\d+)(?::(\d+))?(?:\n[^\n]*\n( *)\^|\n|$)/;

/** A line of a stack, with its place in the source where the file was built. */
export function inSource(line) {
  const [, name, at, column] = FRAME.exec(line) ?? [];
  const source = name && sourceOf(pathOf(name), Number(at), Number(column));
  return source ? line.replace(`${name}:${at}:${column}`, () => `${source.file}:${source.line}:${source.column}`) : line;
}

function pathOf(name) {
  return name.startsWith('file:') ? fileURLToPath(name) : name;
}

function placeOf(stack) {
  const syntax = SYNTAX.exec(stack);
  const first = syntax ?? FRAME.exec(stack);
  if (!first) return {};
  const marked = syntax?.[4] === undefined ? 0 : syntax[4].length + 1;
  const column = first[3] === undefined ? marked : Number(first[3]);
  return { file: pathOf(first[1]), line: Number(first[2]), column };
}
