// An invocation through the app's own library, on our wire. The interface is `InvocationModel` of `@azure/functions-core`,
// as src/eventHandlers/InvocationHandler.ts of azure-functions-nodejs-worker uses it.

import { byteHeaders } from './header_bytes.mjs';
import { Exchange, streamMetadata } from './http_stream.mjs';
import { paramsOf } from './v3_request.mjs';
import { jsonNumber, momentOf } from './values.mjs';

/** Gives the library's invocation model the face of ours: what goes in and comes out is of the wire. */
export class CoreInvocation {
  #model;
  #core;
  #exchange;

  /** `httpUri`, `passResponse` and `taken` matter to apps with HTTP streams only. */
  constructor({ call, found, logs, from, httpUri, passResponse, taken }) {
    const given = httpUri && call.inputs.find(([, data]) => data.http)?.[1].http;
    const incoming = given && { ...given, headers: byteHeaders(given.headers) };
    this.#core = {
      invocationId: call.id,
      metadata: found.metadata,
      state: undefined,
      request: {
        invocationId: call.id,
        inputData: call.inputs.map(([name, data]) => ({ name, data: toCore(data) })),
        triggerMetadata: incoming ? streamMetadata(incoming) : call.metadata,
        traceContext: { traceParent: call.trace_parent ?? '', traceState: '', attributes: {} },
        retryContext: retryContextOf(call.retry),
      },
      log: (level, category, message) =>
        logs.log(level, message, category === 'user' ? 'user' : 'system', from),
    };
    if (!found.model) {
      throw new Error(
        `Function '${found.metadata.name}' was registered without a programming model: no library called ` +
          "setProgrammingModel of '@azure/functions-core'.",
      );
    }
    this.#model = found.model.getInvocationModel(this.#core);
    if (incoming) {
      this.#exchange = new Exchange({ uri: httpUri, id: call.id, incoming, pass: passResponse, taken });
    }
  }

  set state(state) {
    this.#core.state = state;
  }

  getArguments() {
    return this.#model.getArguments();
  }

  invokeFunction(context, inputs, handler) {
    return this.#model.invokeFunction(context, inputs, handler);
  }

  async getResponse(context, result) {
    const response = await this.#model.getResponse(context, result);
    const outputs = {};
    for (const { name, data } of response.outputData ?? []) outputs[name] = fromCore(data);
    const answer = { outputs, return: fromCore(response.returnValue) };
    // With streams the library sends the response to us by HTTP, if there is an output for one and any to send.
    const { bindings } = this.#core.metadata;
    const name = Object.keys(bindings).find((key) => bindings[key].type.toLowerCase() === 'http');
    if (this.#exchange && name !== undefined && result !== undefined && result !== null) {
      const http = await this.#exchange.response();
      if (name === '$return') answer.return = http;
      else outputs[name] = http;
    }
    return answer;
  }

  /** More of the request's body. */
  write(message) {
    this.#exchange?.write(message);
  }

  /** The call is over, or its caller is gone. */
  close() {
    this.#exchange?.abort();
  }
}

function retryContextOf(retry) {
  if (!retry) return undefined;
  const [retryCount, maxRetryCount, message, stackTrace] = retry;
  return { retryCount, maxRetryCount, exception: { source: '', stackTrace, message } };
}

function toCore(data) {
  if (data.http === undefined) return data;
  const { method, url, headers, query, params, body } = data.http;
  return { http: { method, url, headers: byteHeaders(headers), query, params: paramsOf(params), body } };
}

const PLAIN = ['string', 'json', 'bytes', 'double'];

function fromCore(data) {
  if (data === undefined || data === null) return {};
  if (data.http) return { http: httpOf(data.http) };
  if (data.int !== undefined && data.int !== null) {
    return Number.isSafeInteger(data.int) ? { int: data.int } : { double: data.int };
  }
  for (const kind of PLAIN) {
    const value = data[kind];
    if (value === undefined || value === null) continue;
    // JSON has no NaN and no infinity; their text is what the host would print.
    return kind === 'double' && !Number.isFinite(value) ? { string: String(value) } : { [kind]: value };
  }
  return {};
}

function httpOf({ statusCode, headers, cookies, body, enableContentNegotiation }) {
  return {
    status: statusCode ?? null,
    headers: headers ?? {},
    cookies: (cookies ?? []).map(cookieOf),
    body: fromCore(body),
    enableContentNegotiation: enableContentNegotiation === true,
  };
}

const SAME_SITE = { strict: 'Strict', lax: 'Lax', explicitNone: 'None' };

function cookieOf(cookie) {
  const seconds = cookie.expires?.value?.seconds;
  return {
    name: cookie.name ?? '',
    value: cookie.value ?? '',
    domain: cookie.domain?.value ?? null,
    path: cookie.path?.value ?? null,
    expires: seconds === undefined ? null : momentOf(Number(seconds)),
    secure: cookie.secure?.value ?? null,
    httpOnly: cookie.httpOnly?.value ?? null,
    sameSite: SAME_SITE[cookie.sameSite] ?? null,
    maxAge: jsonNumber(cookie.maxAge?.value ?? null),
  };
}
