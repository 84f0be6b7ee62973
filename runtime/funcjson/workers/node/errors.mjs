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

export function userFrames(stack) {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !(isOurs(line) || NODE_ITSELF.test(line)))
    .join('\n')
    .trimEnd();
}

/** Whether a path, or a line with one, is of this worker or of the Functions library. */
export function isOurs(text) {
  return text.includes(OURS) || LIBRARY.test(text);
}

/** An error as the members of a "failed" message. */
export function failure(thrown, prefix = '') {
  const error = asError(thrown);
  return {
    type: error.name || error.constructor?.name || 'Error',
    message: prefix ? `${prefix}'${error.message}'` : String(error.message),
    stack: userStack(error),
  };
}
