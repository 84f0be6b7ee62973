// The HTTP response of a v3 handler: `context.res`, and how any response object crosses to the host.

import { jsonNumber, momentOf, toTyped } from './values.mjs';

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

/** A response object of a handler as the wire's http response. `warn` is told of what is dropped. */
export function toHttp(response, warn) {
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
      cookies: Array.from(cookies || [], (cookie) => cookieOf(cookie ?? {}, warn)),
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

function cookieOf(cookie, warn) {
  const field = (name, kinds) => checked(cookie, name, kinds);
  return {
    name: field('name', ['string']) ?? '',
    value: field('value', ['string']) ?? '',
    domain: field('domain', ['string']) ?? null,
    path: field('path', ['string']) ?? null,
    expires: expiryOf(cookie, warn),
    secure: field('secure', ['boolean']) ?? null,
    httpOnly: field('httpOnly', ['boolean']) ?? null,
    sameSite: SAME_SITE[(cookie.sameSite ? field('sameSite', ['string']) : undefined)?.toLowerCase()] ?? null,
    maxAge: maxAgeOf(cookie),
  };
}

function checked(cookie, name, kinds) {
  const value = cookie[name];
  if (value === undefined || value === null) return undefined;
  if (!kinds.includes(typeof value)) throw wrongKind(`'${kinds[0]}' type`, cookie, name);
  return value;
}

function expiryOf(cookie, warn) {
  const { expires } = cookie;
  if (expires === undefined || expires === null) return null;
  if (!(expires instanceof Date) && typeof expires !== 'number') {
    throw wrongKind("'number' or 'Date' input", cookie, 'expires');
  }
  const milliseconds = Number(expires);
  if (milliseconds > 0) return momentOf(Math.round(milliseconds / 1000));
  warn(
    `expires of the cookie '${cookie.name}' is no time after 1970, so it is left out, as on Azure. ` +
      'To delete a cookie, write maxAge: 0',
  );
  return null;
}

function maxAgeOf(cookie) {
  const { maxAge } = cookie;
  if (maxAge === undefined || maxAge === null) return null;
  if (typeof maxAge === 'number') return jsonNumber(maxAge);
  if (typeof maxAge !== 'string' || Number.isNaN(Number(maxAge))) throw wrongKind("'number' type", cookie, 'maxAge');
  const seconds = Number.parseFloat(maxAge);
  return Number.isNaN(seconds) ? null : jsonNumber(seconds);
}

function wrongKind(expected, cookie, name) {
  const given = typeof cookie[name];
  const kind = name === 'expires' ? `'${given}'` : `'${given}' type`;
  return new Error(
    `A ${expected} was expected instead of a ${kind}. Cannot parse value of 'cookie.${name}'. (cookie '${cookie.name}')`,
  );
}
