// The HTTP request as a v3 handler sees it: `req`.

import { parseForm } from './forms.mjs';
import { parseWherePossible } from './values.mjs';

const BINARY = /^(application\/octet-stream$|multipart\/)/i;
// The host reads text by its byte order mark, UTF-8 when there is none.
const MARKS = [
  [[0xfe, 0xff], 'utf-16be'],
  [[0xff, 0xfe], 'utf-16le'],
];

function decode(bytes) {
  const mark = MARKS.find(([start]) => start.every((byte, at) => bytes[at] === byte));
  return new TextDecoder(mark?.[1] ?? 'utf-8').decode(bytes);
}

export class Request {
  #user;
  #warn;

  /** `http` is the wire's request; `warn` is told of headers that cannot be read. */
  constructor(http, warn) {
    this.method = http.method;
    this.url = http.url;
    this.originalUrl = http.url;
    this.headers = { ...http.headers };
    this.query = { ...http.query };
    this.params = paramsOf(http.params);
    const raw = http.body?.bytes ?? (http.body?.string ?? http.body?.json);
    if (raw !== undefined && raw.length > 0) {
      this.bufferBody = Buffer.from(raw);
      // Parsed whatever the content type says, when it parses; only binary types stay bytes.
      const isBinary = BINARY.test(this.headers['content-type'] ?? '');
      const text = isBinary ? this.bufferBody.toString('utf8') : decode(this.bufferBody);
      this.body = isBinary ? this.bufferBody : parseWherePossible(text);
      this.rawBody = text;
    }
    this.#warn = warn;
  }

  get user() {
    if (this.#user === undefined) this.#user = userOf(this.headers, this.#warn);
    return this.#user;
  }

  get(name) {
    return this.headers[name.toLowerCase()];
  }

  parseFormBody() {
    return parseForm(this.get('content-type'), this.bufferBody ?? Buffer.alloc(0));
  }
}

/** Optional parameters that the URL leaves out are not there. */
export function paramsOf(params) {
  return Object.fromEntries(Object.entries(params ?? {}).filter(([, value]) => value !== null));
}

/** Who is signed in, read off the headers that App Service and Static Web Apps add; null for nobody. */
function userOf(headers, warn) {
  const encoded = headers['x-ms-client-principal'];
  if (!encoded) return null;
  let principal;
  try {
    principal = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
    if (principal === null || typeof principal !== 'object') throw new Error('not a JSON object');
  } catch (error) {
    warn(`Failed to parse x-ms-client-principal header: ${error.message}`);
    return null;
  }
  if (principal.identityProvider) {
    return {
      type: 'StaticWebApps',
      id: principal.userId,
      username: principal.userDetails,
      identityProvider: principal.identityProvider,
      claimsPrincipalData: principal,
    };
  }
  return {
    type: 'AppService',
    id: headers['x-ms-client-principal-id'],
    username: headers['x-ms-client-principal-name'],
    identityProvider: headers['x-ms-client-principal-idp'],
    claimsPrincipalData: principal,
  };
}
