// Sees from a thread of its own when user code keeps the event loop busy, and tells where.

import inspector from 'node:inspector';
import { Worker } from 'node:worker_threads';

import { noteSyncCalls } from './sync_calls.mjs';
import { BEAT_MS, CALLS, FIELDS, BEATS, UNSENT } from './watch_fields.mjs';

export class Watch {
  #shared = new Int32Array(new SharedArrayBuffer(FIELDS * Int32Array.BYTES_PER_ELEMENT));
  #timer;

  /** `fd` is the socket's: the thread writes to it while this thread cannot. */
  start(fd, options) {
    // With a debugger attached, standing still is what the user wants.
    if (inspector.url() !== undefined) return;
    const thread = new Worker(new URL('./watch_thread.mjs', import.meta.url), {
      workerData: { shared: this.#shared, fd, parent: process.ppid, ...options },
    });
    thread.unref();
    // Without it only this comfort is lost.
    thread.on('error', () => {});
    noteSyncCalls((stack) => thread.postMessage(stack));
  }

  /** Some work of the app begins: while there is any, the event loop must come round. */
  enter() {
    if (Atomics.add(this.#shared, CALLS, 1) > 0) return;
    this.#timer = setInterval(() => Atomics.add(this.#shared, BEATS, 1), BEAT_MS);
    this.#timer.unref();
  }

  leave() {
    Atomics.add(this.#shared, BEATS, 1);
    if (Atomics.sub(this.#shared, CALLS, 1) === 1) clearInterval(this.#timer);
  }

  /** How many frames the socket has not wholly taken yet; nothing may be written between them. */
  unsent(frames) {
    Atomics.store(this.#shared, UNSENT, frames);
  }
}
