// Every line of user code becomes a log message that knows its function and its invocation.

import { AsyncLocalStorage } from 'node:async_hooks';

import { withoutOurFrames } from './errors.mjs';
import { Lines } from './lines.mjs';

/** What runs now: `{functionName, invocationId, lines: {stdout, stderr}}`; undefined outside of calls. */
export const current = new AsyncLocalStorage();

export function scope(functionName, invocationId) {
  return { functionName, invocationId, lines: { stdout: new Lines(), stderr: new Lines() } };
}

const NOWHERE = scope(null, null);
// The Functions host reads the level of a stderr line off its words.
const STDERR_LEVELS = [
  [/error|fail|severe|unhandled exception/i, 'error'],
  [/warn/i, 'warning'],
];

export class Logs {
  #send;
  /** Log hooks may change level and message; set by the core API. */
  transform = ({ level, message }) => ({ level, message });

  constructor(send) {
    this.#send = send;
  }

  /** `stream` is the name of the stream that user code printed to. */
  log(level, message, category = 'user', from = current.getStore() ?? NOWHERE, stream = undefined) {
    const { functionName, invocationId, context: invocationContext } = from;
    const seen = this.transform({ level, message: withoutOurFrames(message), category, invocationContext });
    this.#send({ op: 'log', ...seen, category, function: functionName, invocation_id: invocationId, stream });
  }

  /** Let process.stdout and process.stderr write log messages, a line each. */
  capture(stream, name) {
    stream.write = (chunk, encoding, callback) => {
      const done = typeof encoding === 'function' ? encoding : callback;
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      this.#write(name, text, current.getStore() ?? NOWHERE);
      if (typeof done === 'function') process.nextTick(done);
      return true;
    };
  }

  #write(name, text, from) {
    this.#show(name, from.lines[name].take(text), from);
  }

  #show(name, lines, from) {
    if (!lines.length) return;
    // Judged on the whole write, so that the lines of one error stay together.
    const whole = lines.join('\n');
    const level = levelOf(name, whole);
    for (const line of withoutOurFrames(whole).split('\n')) {
      this.log(level, line, 'console', from, name);
    }
  }

  /** What is still without a line end, when a call is over. */
  flush(from = NOWHERE) {
    for (const name of ['stdout', 'stderr']) {
      const rest = from.lines[name].rest();
      if (rest) this.#show(name, [rest], from);
    }
  }
}

function levelOf(name, text) {
  if (name === 'stdout') return 'information';
  return STDERR_LEVELS.find(([words]) => words.test(text))?.[1] ?? 'information';
}
