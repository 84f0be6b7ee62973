// What the main thread and the watching thread share: which number is where, and how often it changes.

export const CALLS = 0;
export const BEATS = 1;
export const UNSENT = 2;
export const FIELDS = 3;
export const BEAT_MS = 100;
