// What goes to the host. A line of the log is in the system's hands before the code that wrote it goes on, as what Node writes to a
// pipe is: so nothing is lost when the process exits, crashes or is killed. All else may wait until the host reads.

import fs from 'node:fs';

import { encode } from './wire.mjs';

// While the system's buffer is full. The host reads all the time, so it is not for long.
const WAIT_MS = 1;
const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
// User code may put others in their place.
const { writeSync } = fs;
const later = setTimeout;
const now = new Set(['log']);

export class Outbox {
  #fd;
  #tell;
  #frames = [];
  #isWaiting = false;
  #emptied = [];

  /** `fd` is a socket that does not block; `tell` is told how many bytes of whole frames still wait. */
  constructor(fd, tell) {
    this.#fd = fd;
    this.#tell = tell;
  }

  send(message) {
    this.#frames.push(encode(message));
    if (now.has(message.op)) this.flush();
    else if (!this.#isWaiting) this.#write();
  }

  /** Send a piece of a stream, and wait while the host takes nothing. */
  async pass(message) {
    this.send(message);
    if (this.#frames.length > 0) await new Promise((resolve) => this.#emptied.push(resolve));
  }

  /** Write all that waits, and let nothing else happen meanwhile. */
  flush() {
    while (!this.#writeSome()) Atomics.wait(sleeper, 0, 0, WAIT_MS);
  }

  #write() {
    this.#isWaiting = !this.#writeSome();
    if (this.#isWaiting) later(() => this.#write(), WAIT_MS);
  }

  /** Whether all is written. */
  #writeSome() {
    try {
      while (this.#frames.length > 0) {
        const [frame] = this.#frames;
        const written = writeSync(this.#fd, frame);
        if (written === frame.length) this.#frames.shift();
        else this.#frames[0] = frame.subarray(written);
      }
    } catch (error) {
      if (error.code === 'EAGAIN') {
        this.#tell(this.#frames.length);
        return false;
      }
      // The host is gone, and this process ends when its socket says so.
      this.#frames = [];
    }
    this.#tell(0);
    for (const resolve of this.#emptied.splice(0)) resolve();
    return true;
  }
}
