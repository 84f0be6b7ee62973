// Text that comes in pieces becomes lines, by the rules of python_worker/lines.py.

const END = /\r*\n|\r+/g;
// A line has any length, and what never ends is passed on in pieces of about this many characters.
const LONGEST = 16 * 1024 * 1024;

/** One stream. */
export class Lines {
  #begun = '';
  // The line that has just been given may still get its line feed.
  #shown = false;

  /** The lines that this text ends. */
  take(text) {
    const lines = [];
    let start = 0;
    for (const end of text.matchAll(END)) {
      const line = this.rest() + text.slice(start, end.index);
      start = end.index + end[0].length;
      const feeds = end[0].endsWith('\n');
      if (line || (feeds && !this.#shown)) lines.push(line);
      this.#shown = !feeds && (line !== '' || this.#shown);
    }
    if (start === text.length) return lines;
    this.#shown = false;
    this.#begun += text.slice(start);
    if (this.#begun.length >= LONGEST) {
      lines.push(this.rest());
      this.#shown = true;
    }
    return lines;
  }

  get hasBegun() {
    return this.#begun !== '';
  }

  /** What has no end yet, which is then forgotten here. */
  rest() {
    const text = this.#begun;
    this.#begun = '';
    return text;
  }
}
