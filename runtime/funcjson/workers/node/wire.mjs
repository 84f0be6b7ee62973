// Frames of JSON with binary parts: the Node half of what workers/wire.py states.

export const VERSION = 1;
const HEAD = 8;
// User code may put others in their place, as tests do.
const { parse, stringify } = JSON;

/** A message as one frame. A Uint8Array anywhere in it becomes `[offset, length]` into the binary part. */
export function encode(message) {
  const parts = [];
  let size = 0;
  const place = (value) => {
    if (value instanceof Uint8Array) {
      const offset = size;
      parts.push(value);
      size += value.byteLength;
      return [offset, value.byteLength];
    }
    if (Array.isArray(value)) return value.map(place);
    if (value !== null && typeof value === 'object') {
      const copy = {};
      for (const key of Object.keys(value)) copy[key] = place(value[key]);
      return copy;
    }
    return value;
  };
  const text = Buffer.from(stringify(place(message)), 'utf8');
  if (parts.length > 0 && size === 0) parts.push(Buffer.alloc(1));
  const tail = parts.length > 0 ? Math.max(size, 1) : 0;
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32BE(text.length, 0);
  head.writeUInt32BE(tail, 4);
  return Buffer.concat([head, text, ...parts]);
}

/** Bytes in, whole messages out; fed in pieces of any size. */
export class Decoder {
  #pieces = [];
  #size = 0;
  #needed = HEAD;

  *feed(piece) {
    this.#pieces.push(piece);
    this.#size += piece.length;
    // Pieces are joined only when a frame is whole, so that a large body is copied once.
    while (this.#size >= this.#needed) {
      const buffer = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      this.#pieces = [buffer];
      const textEnd = HEAD + buffer.readUInt32BE(0);
      const end = textEnd + buffer.readUInt32BE(4);
      if (buffer.length < end) {
        this.#needed = end;
        return;
      }
      const message = parse(buffer.toString('utf8', HEAD, textEnd));
      if (end > textEnd) restore(message, buffer.subarray(textEnd, end));
      this.#needed = HEAD;
      this.#size = buffer.length - end;
      this.#pieces = this.#size > 0 ? [buffer.subarray(end)] : [];
      yield message;
    }
  }
}

function restore(value, tail) {
  if (value === null || typeof value !== 'object') return;
  for (const [key, item] of Object.entries(value)) {
    if (key === 'bytes' && Array.isArray(item)) {
      // A copy: the frame's memory must not be kept alive by, or shared with, what a handler does.
      value[key] = Buffer.from(tail.subarray(item[0], item[0] + item[1]));
    } else {
      restore(item, tail);
    }
  }
}
