// Every line of user code becomes a log message that knows its function and its invocation.

import { AsyncLocalStorage } from 'node:async_hooks';
import { StringDecoder } from 'node:string_decoder';

import { withoutOurFrames } from './errors.mjs';
import { Lines } from './lines.mjs';

/** What runs now: `{functionName, invocationId, streams: {stdout, stderr}}`; undefined outside of calls. */
export const current = new AsyncLocalStorage();

export function scope(functionName, invocationId) {
  return { functionName, invocationId, streams: { stdout: new Stream(), stderr: new Stream() } };
}

/** What one stream of one call has been given. */
class Stream {
  #lines = new Lines();
  #decoder = new StringDecoder('utf8');

  take(chunk) {
    return this.#lines.take(this.#text(chunk));
  }

  /** A character may begin in one piece of bytes and end in the next. */
  #text(chunk) {
    return typeof chunk === 'string' ? this.#decoder.end() + chunk : this.#decoder.write(Buffer.from(chunk));
  }

  get hasBegun() {
    return this.#lines.hasBegun;
  }

  rest() {
    return [...this.#lines.take(this.#decoder.end()), this.#lines.rest()].filter(Boolean);
  }
}

const NOWHERE = scope(null, null);
// The Functions host reads the level of a stderr line off its words.
const STDERR_LEVELS = [
  [/error|fail|severe|unhandled exception/i, 'error'],
  [/warn/i, 'warning'],
];

export class Logs {
  #send;
  // Who has begun a line.
  #unfinished = new Set();
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
      this.#write(name, chunk, current.getStore() ?? NOWHERE);
      if (typeof done === 'function') process.nextTick(done);
      return true;
    };
  }

  #write(name, chunk, from) {
    this.#show(name, from.streams[name].take(chunk), from);
    if (Object.values(from.streams).some(({ hasBegun }) => hasBegun)) this.#unfinished.add(from);
    else this.#unfinished.delete(from);
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

  /** What is still without a line end, when the process ends. */
  flushAll() {
    for (const from of [...this.#unfinished]) this.flush(from);
  }

  /** What is still without a line end, when a call is over. */
  flush(from = NOWHERE) {
    this.#unfinished.delete(from);
    for (const [name, stream] of Object.entries(from.streams)) this.#show(name, stream.rest(), from);
  }
}

function levelOf(name, text) {
  if (name === 'stdout') return 'information';
  return STDERR_LEVELS.find(([words]) => words.test(text))?.[1] ?? 'information';
}
