// Form bodies of `req.parseFormBody()`: URL-encoded and multipart.

const URL_ENCODED = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';

/** The parts of a form in order; a name may occur several times. */
export class Form {
  #parts;

  constructor(parts) {
    this.#parts = parts;
  }

  get(name) {
    return this.#parts.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#parts.filter(([key]) => key === name).map(([, part]) => part);
  }

  has(name) {
    return this.#parts.some(([key]) => key === name);
  }

  get length() {
    return this.#parts.length;
  }

  [Symbol.iterator]() {
    return this.#parts[Symbol.iterator]();
  }
}

export function parseForm(contentType, body) {
  if (!contentType) throw new Error('"content-type" header must be defined.');
  const [mediaType, ...parameters] = contentType.split(';').map((piece) => piece.trim());
  if (!/^[^\s/]+\/[^\s/]+$/.test(mediaType)) throw new Error('content-type must begin with format "type/subtype".');
  switch (mediaType.toLowerCase()) {
    case URL_ENCODED:
      return new Form(
        [...new URLSearchParams(body.toString('utf8'))].map(([name, value]) => [
          name,
          { value: Buffer.from(value) },
        ]),
      );
    case MULTIPART:
      return new Form(multipart(body, boundaryOf(parameters)));
    default:
      throw new Error(
        `Media type "${mediaType}" does not match types supported for form parsing: ` +
          `"${MULTIPART}", "${URL_ENCODED}".`,
      );
  }
}

function boundaryOf(parameters) {
  const boundary = parameterOf(`;${parameters.join(';')}`, 'boundary');
  if (boundary === undefined) throw new Error('Failed to find parameter with name "boundary".');
  return boundary;
}

/** Parts between delimiter lines; a line may end with LF alone, as some clients write it. */
function multipart(body, boundary) {
  const text = body.toString('latin1');
  const delimiter = new RegExp(`(?:^|\\r?\\n)--${escaped(boundary)}(--)?(?:\\r?\\n|$)`, 'g');
  const marks = [...text.matchAll(delimiter)];
  const opening = marks[0];
  if (opening?.index !== 0) throw new Error(`Expected form data to start with boundary "${boundary}".`);
  const parts = [];
  for (let at = 0; at < marks.length && marks[at][1] === undefined; at += 1) {
    const start = marks[at].index + marks[at][0].length;
    const end = marks[at + 1]?.index;
    if (end === undefined) throw new Error(`Expected form data to end with boundary "${boundary}--".`);
    // The line end of an empty part is the one before its delimiter.
    parts.push(part(body, text.slice(start, Math.max(start, end)), start));
  }
  return parts;
}

function part(body, text, start) {
  const blank = /(?:^|\r?\n)\r?\n/.exec(`${text}\r\n\r\n`);
  const headers = new Map();
  for (const line of Buffer.from(text.slice(0, blank.index), 'latin1').toString('utf8').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = headers.get('content-disposition') ?? '';
  const name = parameterOf(disposition, 'name');
  if (!name) {
    throw new Error('Expected part to have header "content-disposition" with parameter "name".');
  }
  const from = start + Math.min(blank.index + blank[0].length, text.length);
  const result = { value: Buffer.from(body.subarray(from, start + text.length)) };
  const fileName = parameterOf(disposition, 'filename');
  if (fileName !== undefined) result.fileName = fileName;
  if (headers.has('content-type')) result.contentType = headers.get('content-type');
  return [name, result];
}

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function parameterOf(header, name) {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, 'i').exec(header);
  return match ? (match[1]?.replace(/\\"/g, '"') ?? match[2].trim()) : undefined;
}
