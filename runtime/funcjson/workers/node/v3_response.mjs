// The HTTP response of a v3 handler: `context.res`, and how any response object crosses to the host.

import { toTyped } from './values.mjs';

const NOT_AN_OBJECT =
  "The HTTP response must be an 'object' type that can include properties such as 'body', 'status', " +
  "and 'headers'. Learn more: https://go.microsoft.com/fwlink/?linkid=2112563";

export class Response {
  headers = {};
  cookies = [];
  // Own members, as in the library: a copy such as `{ ...context.res }` has them too.
  send = this.end;
  set = this.setHeader;
  header = this.setHeader;
  get = this.getHeader;
  #done;

  constructor(done) {
    this.#done = done;
  }

  status(code) {
    this.statusCode = code;
    return this;
  }

  setHeader(name, value) {
    this.headers[name.toLowerCase()] = value;
    return this;
  }

  getHeader(name) {
    return this.headers[name.toLowerCase()];
  }

  removeHeader(name) {
    delete this.headers[name.toLowerCase()];
    return this;
  }

  type(contentType) {
    return this.setHeader('content-type', contentType);
  }

  end(body) {
    if (body !== undefined) this.body = body;
    if (Buffer.isBuffer(this.body) && !this.getHeader('content-type')) this.type('application/octet-stream');
    this.#done();
    return this;
  }

  sendStatus(code) {
    return this.status(code).end();
  }

  /** Sets application/json even over an earlier content type. Not to be chained, as in the library. */
  json(body) {
    this.type('application/json').end(body);
  }
}

/** A response object of a handler as the wire's http response. */
export function toHttp(response) {
  if (typeof response !== 'object' || Array.isArray(response)) throw new Error(NOT_AN_OBJECT);
  const { statusCode, status, headers, cookies, body, enableContentNegotiation } = response ?? {};
  // `status` is a method of `context.res` until a handler assigns a number to it.
  const code = typeof status === 'function' ? statusCode : statusCode || status;
  if (cookies && !Array.isArray(cookies)) {
    throw new Error(`An array was expected instead of a '${typeof cookies}' type. Cannot parse value of 'cookies'.`);
  }
  return {
    http: {
      status: code?.toString() || null,
      headers: headersOf(headers),
      cookies: Array.from(cookies || [], (cookie) => cookieOf(cookie ?? {})),
      body: toTyped(body),
      enableContentNegotiation: Boolean(enableContentNegotiation),
    },
  };
}

function headersOf(headers) {
  const result = {};
  for (const name in headers || {}) {
    if (headers[name] !== undefined && headers[name] !== null) result[name] = headers[name].toString();
  }
  return result;
}

const SAME_SITE = { strict: 'Strict', lax: 'Lax', none: 'None' };

function cookieOf(cookie) {
  const field = (name, kinds) => checked(cookie[name], kinds, name);
  return {
    name: field('name', ['string']) ?? '',
    value: field('value', ['string']) ?? '',
    domain: field('domain', ['string']) ?? null,
    path: field('path', ['string']) ?? null,
    expires: expiryOf(cookie.expires),
    secure: field('secure', ['boolean']) ?? null,
    httpOnly: field('httpOnly', ['boolean']) ?? null,
    sameSite: SAME_SITE[checked(cookie.sameSite || undefined, ['string'], 'sameSite')?.toLowerCase()] ?? null,
    maxAge: maxAgeOf(cookie.maxAge),
  };
}

function checked(value, kinds, name) {
  if (value === undefined || value === null) return undefined;
  if (!kinds.includes(typeof value)) throw wrongKind(kinds[0], value, name);
  return value;
}

function expiryOf(expires) {
  if (expires === undefined || expires === null) return null;
  if (!(expires instanceof Date) && typeof expires !== 'number') {
    throw new Error(
      `A 'number' or 'Date' input was expected instead of a '${typeof expires}'. ` +
        "Cannot parse value of 'cookie.expires'.",
    );
  }
  const seconds = Math.round(Number(expires) / 1000);
  // Not a time, or before 1970: the library drops it.
  return seconds > 0 || (seconds === 0 && Number(expires) > 0) ? new Date(seconds * 1000).toISOString() : null;
}

function maxAgeOf(maxAge) {
  if (maxAge === undefined || maxAge === null) return null;
  if (typeof maxAge === 'number') return Number.isFinite(maxAge) ? maxAge : null;
  if (typeof maxAge !== 'string' || Number.isNaN(Number(maxAge))) throw wrongKind('number', maxAge, 'maxAge');
  const seconds = Number.parseFloat(maxAge);
  return Number.isNaN(seconds) ? null : seconds;
}

function wrongKind(expected, value, name) {
  return new Error(
    `A '${expected}' type was expected instead of a '${typeof value}' type. ` +
      `Cannot parse value of 'cookie.${name}'.`,
  );
}
