// Calls of child_process that wait for the other program: while one lasts nobody can ask JavaScript where it is, so it is noted before.

import child_process from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

import { framesOf } from './errors.mjs';

const NAMES = ['execSync', 'execFileSync', 'spawnSync'];

/** `note` is told the stack of each such call, and undefined when it is over. */
export function noteSyncCalls(note) {
  for (const name of NAMES) {
    const original = child_process[name];
    const noted = function (...args) {
      note(`    at ${name} (node:child_process)\n${framesOf(new Error().stack)}`);
      try {
        return Reflect.apply(original, this, args);
      } finally {
        note(undefined);
      }
    };
    child_process[name] = Object.defineProperties(noted, Object.getOwnPropertyDescriptors(original));
  }
  syncBuiltinESMExports();
}
