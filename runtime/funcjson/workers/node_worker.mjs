// The Node worker: reads what the host asks from its socket, and answers.

import net from 'node:net';
import process from 'node:process';
import { setImmediate, setTimeout as passed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { App } from './node/app.mjs';
import { failure } from './node/errors.mjs';
import { haveMain } from './node/handlers.mjs';
import { Invocation } from './node/invocation.mjs';
import { LoadedFiles } from './node/loaded.mjs';
import { current, Logs } from './node/logs.mjs';
import { Outbox } from './node/outbox.mjs';
import { Transpiler } from './node/transpiler.mjs';
import { whatIsWaitedFor } from './node/waiting.mjs';
import { Watch } from './node/watch.mjs';
import { Decoder, VERSION } from './node/wire.mjs';

const FD_VARIABLE = 'FUNCJSON_WORKER_FD';
const STOP_MS = 1000;
// User code may put another in its place.
const exit = process.exit.bind(process);

const fd = Number(process.env[FD_VARIABLE]);
const socket = new net.Socket({ fd, readable: true, writable: true });
// The app's own environment does not show how it is run.
delete process.env[FD_VARIABLE];

const watch = new Watch();
const outbox = new Outbox(fd, (frames) => watch.unsent(frames));
const send = (message) => outbox.send(message);
const loaded = new LoadedFiles();
/** Send an answer, and before it what was loaded for it. */
function reply(message) {
  const files = loaded.take();
  if (files.length > 0) send({ op: 'files', files });
  send(message);
}
const logs = new Logs(send);
logs.capture(process.stdout, 'stdout');
logs.capture(process.stderr, 'stderr');

haveMain(fileURLToPath(import.meta.url));

let app;
let options = {};
let transpiler;
/** The next worker of the app need not compile this again. */
const keep = (made) => send({ op: 'transpiled', ...made });
const running = new Map();
// A module that waits at its top, as for a connection, holds up the next one for so long.
const HELD_UP_MS = 20;
/** When the next module may be loaded: one after the other, so that of those without an answer the first is the one that runs. */
let turn = Promise.resolve();

const OPERATIONS = {
  init(message) {
    options = message.options ?? {};
    transpiler = new Transpiler(message.app_root, { known: options.transpiled, keep: options.transpiled && keep });
    if (options.compiles) {
      transpiler.warmUp();
      send({ op: 'ready', version: VERSION, runtime: `node ${process.versions.node}` });
      return;
    }
    app = new App({ root: message.app_root, logs, runsMain: options.run_main, transpiler, loaded });
    watch.start(fd, options);
    send({ op: 'ready', version: VERSION, runtime: `node ${process.versions.node}` });
    // Not awaited: a load or an index that comes waits for it, and tells what went wrong.
    app.start();
  },

  transpile({ id, files }) {
    send({ op: 'transpiled', id, files: transpiler.transpile(files) });
  },

  async load({ id, function: spec }) {
    const before = turn;
    // What the module began and fails at once, such as to open a port, fails its loading.
    const loading = before.then(() => app.load(spec)).then(() => setImmediate());
    const answered = loading.catch(() => {}).then(() => setImmediate());
    const heldUp = before.then(() => app.start()).then(() => passed(HELD_UP_MS, undefined, { ref: false }));
    turn = Promise.race([answered, heldUp]);
    await loading;
    reply({ op: 'loaded', id });
  },

  async index({ id }) {
    reply({ op: 'indexed', id, ...(await app.index()) });
  },

  async invoke(call) {
    const invocation = new Invocation({ call, app, logs, options, outbox });
    running.set(call.id, invocation);
    try {
      reply({ op: 'result', id: call.id, ...(await invocation.run()) });
    } finally {
      running.delete(call.id);
    }
  },

  body(message) {
    running.get(message.id)?.write(message);
  },

  taken(message) {
    running.get(message.id)?.taken(message);
  },

  cancel({ id }) {
    running.get(id)?.cancel();
  },

  stacks({ id }) {
    send({ op: 'stacks', id, text: whatRuns(), waits: true });
  },

  async stop() {
    // The app may say good-bye, but not for long.
    setTimeout(() => exit(0), STOP_MS).unref();
    await app?.core.runHooks('appTerminate', {}).catch(() => {});
    exit(0);
  },
};

async function answer(message) {
  if (!Object.hasOwn(OPERATIONS, message.op)) return;
  watch.enter();
  try {
    await OPERATIONS[message.op](message);
  } catch (thrown) {
    reply({ op: 'failed', id: message.id, ...failure(thrown) });
  } finally {
    watch.leave();
  }
}

/** The socket to the host, and both ends of the connections to the library's own server. */
function isOwn(handle) {
  const { httpUri } = app?.core ?? {};
  const port = httpUri && Number(new URL(httpUri).port);
  return handle === socket || (port && (handle.remotePort === port || handle.localPort === port));
}

function whatRuns() {
  const calls = [...running].map(
    ([id, { name, since }]) =>
      `Function '${name}' (Id: ${id}) has been running for ${((performance.now() - since) / 1000).toFixed(1)} s.`,
  );
  const waiting = whatIsWaitedFor(isOwn);
  return [
    ...calls,
    'It waits: the event loop is free, and JavaScript keeps no stack of a promise that waits, so no line can be shown.',
    waiting.length > 0
      ? `The process waits for:\n${waiting.map((each) => `  ${each}`).join('\n')}`
      : 'No timer, connection or child process of the app is open: what it awaits may never come.',
  ].join('\n');
}

const decoder = new Decoder();
socket.on('data', (piece) => {
  for (const message of decoder.feed(piece)) answer(message);
});
// Without a host there is nothing to work for, whatever timers the app has.
socket.on('close', () => exit(0));
socket.on('error', () => exit(0));

let uncaught;
process.on('uncaughtException', (thrown) => {
  const { stack, message, ...place } = failure(thrown);
  const text = stack || message;
  uncaught = { ...place, text: `nobody caught this error:\n${text}` };
  logs.log(
    'error',
    'Worker uncaught exception (learn more: https://go.microsoft.com/fwlink/?linkid=2097909 ): ' +
      text,
    'system',
  );
  exit(1);
});
process.on('exit', () => {
  // What stands before the end of a line is said as well.
  logs.flushAll();
  send({ op: 'ends', function: current.getStore()?.functionName, ...(uncaught ?? placeOfExit()) });
  outbox.flush();
});

/** The host is told that the process ends, and where user code ended it. */
function placeOfExit() {
  const error = new Error('process.exit was called here');
  error.name = '';
  const { stack, ...place } = failure(error);
  return { ...place, text: place.file && stack.replace(/^Error: /, '').replace('\n', ':\n') };
}
