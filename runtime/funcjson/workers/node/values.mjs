// Typed data to and from JavaScript values, as the v3 library does it.

/** Typed data as a handler sees it: text that is JSON becomes its value, other text stays. */
export function fromTyped(data) {
  if (data === undefined || data === null) return undefined;
  const text = data.string ?? data.json;
  if (text !== undefined) return parseWherePossible(text);
  return data.bytes ?? data.int ?? data.double;
}

export function parseWherePossible(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A handler's value as typed data. Throws what JSON.stringify throws (circular structure, BigInt). */
export function toTyped(value) {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { string: value };
  if (Buffer.isBuffer(value)) return { bytes: value };
  if (ArrayBuffer.isView(value)) {
    return { bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  }
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return { int: value };
    // JSON has no NaN and no infinity; their text is what the host would print.
    return Number.isFinite(value) ? { double: value } : { string: String(value) };
  }
  const text = JSON.stringify(value);
  return text === undefined ? {} : { json: text };
}

/** Keys with a small first letter, in depth; arrays are left as they are, as the v3 library does. */
export function camelCased(object) {
  const result = {};
  for (const [key, item] of Object.entries(object)) {
    const isObject =
      item !== null && typeof item === 'object' && !Array.isArray(item) && !Buffer.isBuffer(item);
    result[key.charAt(0).toLowerCase() + key.slice(1)] = isObject ? camelCased(item) : item;
  }
  return result;
}

/** Seconds since 1970 as ISO text; as they are beyond the years that HTTP has, of which the host tells. */
export function momentOf(seconds) {
  const moment = new Date(seconds * 1000);
  return moment.getUTCFullYear() <= 9999 ? moment.toISOString() : seconds;
}

/** JSON has no NaN and no infinity: they go as text, of which the host tells. */
export function jsonNumber(value) {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
