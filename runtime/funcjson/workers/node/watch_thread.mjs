// The watching thread: looks at the main thread's heartbeat, and writes its stack when it has stopped.

import fs from 'node:fs';
import inspector from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

import { inSource, isOfWorker, isOurs } from './errors.mjs';
import { BEATS, CALLS, UNSENT } from './watch_fields.mjs';
import { encode } from './wire.mjs';

const { shared, fd, parent, blocked_ms: blockedMs = 1000, blocked_log_ms: logMs = 5000 } = workerData;
const LOOK_MS = Math.min(250, blockedMs / 2);
const ANSWER_MS = Math.min(250, blockedMs);

let beats = -1;
let since = 0;
let toldAt = 0;
let isLogged = false;
/** Where the main thread waits for a child process, and cannot be asked. */
let noted;
let asked;

setInterval(look, LOOK_MS);
parentPort.on('message', (stack) => (noted = stack));

function look() {
  const now = performance.now();
  const seen = Atomics.load(shared, BEATS);
  if (seen !== beats || Atomics.load(shared, CALLS) === 0) {
    beats = seen;
    since = now;
    toldAt = 0;
    isLogged = false;
    return;
  }
  // The host is gone and the main thread cannot see it.
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  const blocked = now - since;
  if (blocked < blockedMs || (toldAt > 0 && now - toldAt < 2 * blockedMs)) return;
  toldAt = now;
  tell(blocked);
}

async function tell(blocked) {
  asked ??= stackOfMain().finally(() => (asked = undefined));
  const stack = await Promise.race([asked, new Promise((resolve) => setTimeout(() => resolve(noted), ANSWER_MS))]);
  // Inside the system: the host can look at that better.
  if (stack === undefined) return;
  // It came round meanwhile: what was seen is over.
  if (Atomics.load(shared, BEATS) !== beats || Atomics.load(shared, UNSENT) > 0) return;
  // The host is asked later, and knows then for how long it has been.
  write({ op: 'stacks', id: null, text: stack, busy_s: (performance.now() - since) / 1000 });
  if (blocked >= logMs && !isLogged) {
    isLogged = true;
    const seconds = (blocked / 1000).toFixed(1);
    const message = `The event loop of the Node worker has been busy for ${seconds} s, here:\n${stack}\nUntil it gives way, no other call of this worker goes on.`;
    write({ op: 'log', level: 'warning', message, category: 'system', function: null, invocation_id: null });
  }
}

function write(message) {
  try {
    fs.writeSync(fd, encode(message));
  } catch {
    // A full or closed socket: the host is not reading, so there is nobody to tell.
  }
}

/** Stop the main thread for a moment, and read where it is. */
function stackOfMain() {
  return new Promise((resolve) => {
    const session = new inspector.Session();
    session.connectToMainThread();
    const urls = new Map();
    session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));
    session.on('Debugger.paused', ({ params: { callFrames } }) => {
      session.post('Debugger.resume');
      session.disconnect();
      const lines = callFrames.map((frame) => line(frame, urls.get(frame.location.scriptId) ?? ''));
      const users = lines.filter((each) => !isOurs(each) && !each.includes('(node:'));
      // Where only a library or Node itself runs, that is what there is to tell.
      const told = users.length > 0 ? users : lines.filter((each) => !isOfWorker(each));
      resolve(told.map(inSource).join('\n'));
    });
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

function line({ functionName, location: { lineNumber, columnNumber } }, url) {
  const place = url.startsWith('file://') ? fileURLToPath(url) : url;
  return `    at ${functionName || '<anonymous>'} (${place}:${lineNumber + 1}:${columnNumber + 1})`;
}
