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
  switch (mediaType.toLowerCase()) {
    case URL_ENCODED:
      return new Form(
        [...new URLSearchParams(body.toString('utf8'))].map(([name, value]) => [
          name,
          { value: Buffer.from(value) },
        ]),
      );
    case MULTIPART:
      return parseMultipart(body, boundaryOf(parameters));
    default:
      throw new Error(
        `Media type "${mediaType}" does not match types supported for form parsing: ` +
          `"${MULTIPART}", "${URL_ENCODED}".`,
      );
  }
}

function boundaryOf(parameters) {
  for (const parameter of parameters) {
    const match = /^boundary="?([^"]+)"?$/i.exec(parameter);
    if (match) return match[1];
  }
  throw new Error(`Failed to parse the form body: the "content-type" header has no boundary.`);
}

function parseMultipart(body, boundary) {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // A line end in front lets the first delimiter look like all others.
  const buffer = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts = [];
  let start = buffer.indexOf(delimiter);
  while (start >= 0) {
    start += delimiter.length;
    if (buffer.subarray(start, start + 2).toString() === '--') break;
    const end = buffer.indexOf(delimiter, start);
    if (end < 0) throw new Error('Failed to parse the form body: the last part is not closed.');
    parts.push(parsePart(buffer.subarray(start, end)));
    start = end;
  }
  return new Form(parts);
}

function parsePart(part) {
  const from = part.indexOf('\r\n');
  const to = part.indexOf('\r\n\r\n', from);
  if (from < 0 || to < 0) throw new Error('Failed to parse the form body: a part has no headers.');
  const headers = new Map();
  for (const line of part.subarray(from, to).toString('utf8').split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = headers.get('content-disposition') ?? '';
  const name = parameterOf(disposition, 'name');
  if (name === undefined) {
    throw new Error('Failed to parse the form body: a part has no name in "content-disposition".');
  }
  const result = { value: Buffer.from(part.subarray(to + 4)) };
  const fileName = parameterOf(disposition, 'filename');
  if (fileName !== undefined) result.fileName = fileName;
  if (headers.has('content-type')) result.contentType = headers.get('content-type');
  return [name, result];
}

function parameterOf(header, name) {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, 'i').exec(header);
  return match ? (match[1]?.replace(/\\(.)/g, '$1') ?? match[2].trim()) : undefined;
}
