// The HTTP response of a v3 handler: `context.res`, and how any response object crosses to the host.

import { toTyped } from './values.mjs';

const NOT_AN_OBJECT =
  "The HTTP response must be an 'object' type that can include properties such as 'body', 'status', " +
  "and 'headers'. Learn more: https://go.microsoft.com/fwlink/?linkid=2112563";

export class Response {
  headers = {};
  cookies = [];
  body = undefined;
  statusCode = undefined;
  enableContentNegotiation = undefined;
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

  set(name, value) {
    return this.setHeader(name, value);
  }

  header(name, value) {
    return this.setHeader(name, value);
  }

  getHeader(name) {
    return this.headers[name.toLowerCase()];
  }

  get(name) {
    return this.getHeader(name);
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
    if (Buffer.isBuffer(this.body) && !this.get('content-type')) this.type('application/octet-stream');
    this.#done();
    return this;
  }

  send(body) {
    return this.end(body);
  }

  sendStatus(code) {
    return this.status(code).end();
  }

  /** Sets application/json even over an earlier content type. */
  json(body) {
    return this.type('application/json').send(body);
  }
}

/** A response object of a handler as the wire's http response; null means that there is none. */
export function toHttp(response) {
  if (response === null || response === undefined) return {};
  if (typeof response !== 'object' || Array.isArray(response)) throw new TypeError(NOT_AN_OBJECT);
  // `status` is a method of `context.res` until a handler assigns a number to it.
  const status = response.statusCode || (typeof response.status === 'function' ? null : response.status);
  return {
    http: {
      status: status === undefined || status === null ? null : typeof status === 'number' ? status : String(status),
      headers: headersOf(response.headers),
      cookies: (response.cookies ?? []).map(cookieOf),
      body: toTyped(response.body),
      enableContentNegotiation: response.enableContentNegotiation === true,
    },
  };
}

function headersOf(headers) {
  const result = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value !== undefined && value !== null) result[name] = String(value);
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
    sameSite: SAME_SITE[field('sameSite', ['string'])?.toLowerCase()] ?? null,
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
    throw new TypeError(
      `A 'Date' or 'number' input was expected instead of a '${typeof expires}'. ` +
        "Cannot parse value of 'cookie.expires'.",
    );
  }
  return new Date(expires).toISOString();
}

function maxAgeOf(maxAge) {
  if (maxAge === undefined || maxAge === null) return null;
  const seconds = typeof maxAge === 'string' ? Number.parseFloat(maxAge) : maxAge;
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) throw wrongKind('number', maxAge, 'maxAge');
  return seconds;
}

function wrongKind(expected, value, name) {
  return new TypeError(
    `A '${expected}' type was expected instead of a '${typeof value}' type. ` +
      `Cannot parse value of 'cookie.${name}'.`,
  );
}
