// HTTP streams of v4 apps: the host's part in the exchange with the library's own small HTTP server.

import http from 'node:http';
import { unescape } from 'node:querystring';

import { paramsOf } from './v3_request.mjs';

const AGENT = new http.Agent({ keepAlive: true });
// What belongs to one connection is made anew for the next.
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect', 'upgrade', 'te'];

/** One request to the library's server, and what comes back. */
export class Exchange {
  #request;
  #answered;
  #taken;
  #isCallerGone = false;

  /**
   * `incoming` is the http request of the wire. `pass` gets the response in pieces, as messages without id;
   * without it the response is collected. `taken` is told how many bytes of a body in pieces went on.
   */
  constructor({ uri, id, incoming, pass, taken }) {
    this.#taken = taken;
    const { protocol, host, pathname, search } = new URL(incoming.url);
    const { hostname, port } = new URL(uri);
    const body = incoming.body ?? {};
    const whole = body.bytes ?? body.string;
    this.#request = http.request({
      agent: AGENT,
      hostname,
      port,
      method: incoming.method,
      path: pathname + search,
      headers: {
        ...forwarded(incoming.headers),
        ...framing(body.stream, whole),
        'x-ms-invocation-id': id,
        'x-forwarded-host': host,
        'x-forwarded-proto': protocol.slice(0, -1),
      },
    });
    this.#answered = new Promise((resolve, reject) => {
      this.#request.on('response', resolve);
      this.#request.on('error', reject);
      this.#request.on('close', () => reject(new Error('The connection closed before the response.')));
    }).then((response) => (pass ? passOn(response, pass) : collect(response)));
    // A handler may fail or answer nothing; then nobody waits for this.
    this.#answered.catch(() => {});
    if (!body.stream) this.#request.end(whole);
    else this.#request.flushHeaders();
  }

  /** More of a request body that the host sends in pieces. */
  write({ data, end, error }) {
    if (error) {
      this.#isCallerGone = true;
      this.#request.destroy();
      return;
    }
    const { bytes } = data ?? {};
    if (bytes?.length > 0) this.#request.write(bytes, () => this.#taken(bytes.length));
    if (end) this.#request.end();
  }

  /** The response as typed data; `{}` when its pieces were passed on. */
  response() {
    return this.#answered.catch((error) => {
      // The handler coped with half a body, and nobody waits for what it made of it.
      if (this.#isCallerGone) return {};
      throw error;
    });
  }

  /** The caller is gone, or the handler has failed. */
  abort() {
    this.#request.destroy();
  }
}

/** What the library reads in place of the request's own members when it streams. */
export function streamMetadata({ headers, params }) {
  const metadata = { Headers: { json: JSON.stringify(headers) } };
  for (const [name, value] of Object.entries(paramsOf(params))) metadata[name] = { string: value };
  return metadata;
}

// For GET, HEAD, DELETE and OPTIONS Node would send a body without saying where it ends, and the connection is kept.
function framing(isStream, whole) {
  if (isStream) return { 'transfer-encoding': 'chunked' };
  return whole?.length > 0 ? { 'content-length': Buffer.byteLength(whole) } : {};
}

function forwarded(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

async function passOn(response, pass) {
  const { statusCode: status } = response;
  await pass({ op: 'response', status, headers: headerPairs(response) });
  for await (const piece of response) await pass({ op: 'body', data: { bytes: piece } });
  await pass({ op: 'body', data: {}, end: true });
  return {};
}

function headerPairs({ rawHeaders, req }) {
  const pairs = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    // To HEAD the length is what was asked for.
    const isAskedFor = req.method === 'HEAD' && name === 'content-length';
    if (isAskedFor || !isOfTheExchange(name)) pairs.push([name, rawHeaders[at + 1]]);
  }
  return pairs;
}

// Node's server adds these by itself; they say nothing that the handler said.
function isOfTheExchange(name) {
  return HOP_BY_HOP.includes(name) || name === 'date' || name === 'x-ms-invocation-id';
}

async function collect(response) {
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  const pairs = headerPairs(response);
  const isCookie = ([name]) => name === 'set-cookie';
  return {
    http: {
      status: response.statusCode,
      headers: Object.fromEntries(pairs.filter((pair) => !isCookie(pair))),
      cookies: pairs.filter(isCookie).map(([, value]) => cookieOf(value)),
      body: { bytes: Buffer.concat(pieces) },
      enableContentNegotiation: false,
    },
  };
}

/** A Set-Cookie header as the wire's cookie. */
function cookieOf(header) {
  const [first, ...attributes] = header.split(';').map((piece) => piece.trim());
  const [name, value] = halves(first);
  const given = Object.fromEntries(attributes.map(halves).map(([key, text]) => [key.toLowerCase(), text]));
  const expires = given.expires === undefined ? NaN : Date.parse(given.expires);
  return {
    name,
    value: unescape(value), // which, unlike decodeURIComponent, takes `100%` for what it is
    domain: given.domain ?? null,
    path: given.path ?? null,
    expires: Number.isNaN(expires) ? null : new Date(expires).toISOString(),
    secure: 'secure' in given ? true : null,
    httpOnly: 'httponly' in given ? true : null,
    sameSite: given.samesite ?? null,
    maxAge: given['max-age'] === undefined ? null : Number(given['max-age']),
  };
}

function halves(text) {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
