// What a thrown value says to a user: its message, and its stack without frames of ours.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';

const OURS = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const LIBRARY = /node_modules[\\/]@azure[\\/]functions[\\/]/;
const NODE_ITSELF = /(\(|at |at async )(node:|internal\/)/;

/** Anything thrown as an Error: the real worker's rule for values that are none. */
export function asError(thrown) {
  if (types.isNativeError(thrown) || thrown instanceof Error) return thrown;
  let text;
  if (thrown === undefined || thrown === null) text = 'Unknown error';
  else if (typeof thrown === 'string') text = thrown;
  else if (typeof thrown === 'object') text = String(thrown.message ?? safeJson(thrown));
  else text = String(thrown);
  const error = new Error(text);
  error.stack = '';
  return error;
}

function safeJson(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return 'Unknown error';
  }
}

/** The stack with the user's frames only, and those of its `cause`. */
export function userStack(error) {
  const own = userFrames(String(error.stack ?? ''));
  const cause = error.cause;
  if (!types.isNativeError(cause)) return own;
  return `${own}\n  [cause]: ${userFrames(String(cause.stack ?? ''))}`;
}

function userFrames(stack) {
  const lines = stack
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !(isOurs(line) || NODE_ITSELF.test(line)));
  // Built-ins that the user called are worth a line; those that called the user are not.
  while (lines.at(-1)?.endsWith('(<anonymous>)')) lines.pop();
  return lines.join('\n').trimEnd();
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
  return text.includes(OURS) || LIBRARY.test(text);
}

/** An error as the members of a "failed" message; file, line and column are of the user's innermost frame. */
export function failure(thrown) {
  const error = asError(thrown);
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

function placeOf(stack) {
  const syntax = SYNTAX.exec(stack);
  const first = syntax ?? FRAME.exec(stack);
  if (!first) return {};
  const file = first[1].startsWith('file:') ? fileURLToPath(first[1]) : first[1];
  const marked = syntax?.[4] === undefined ? 0 : syntax[4].length + 1;
  const column = first[3] === undefined ? marked : Number(first[3]);
  return { file, line: Number(first[2]), column };
}
