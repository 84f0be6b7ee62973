// The v3 programming model: `handler(context, trigger, ...inputs)` of function.json apps.

import { randomUUID } from 'node:crypto';
import { format } from 'node:util';

import { asError } from './errors.mjs';
import { Request } from './v3_request.mjs';
import { Response, toHttp } from './v3_response.mjs';
import { camelCased, fromTyped, toTyped } from './values.mjs';

const LEARN = 'Learn more: https://go.microsoft.com/fwlink/?linkid=2097909';
const PROMISE_AND_DONE = `Error: Choose either to return a promise or call 'done'. Do not use both in your script. ${LEARN}`;
const DONE_TWICE =
  "Error: 'done' has already been called. Please check your script for extraneous calls to 'done'.";
const LEVELS = { error: 'error', warn: 'warning', info: 'information', verbose: 'trace' };

/** One invocation; the same four steps that a library's own model offers: see core_model.mjs. */
export class V3Invocation {
  #call;
  #functionInfo;
  #logs;
  #from;
  #hangHintMs;
  #isDone = false;
  #isPromise = false;
  #settle;
  /** Which part of the call runs; hooks may log after the handler's end. */
  state;
  #finished;

  constructor({ call, functionInfo, logs, from, hangHintMs }) {
    this.#call = call;
    this.#functionInfo = functionInfo;
    this.#logs = logs;
    this.#from = from;
    this.#hangHintMs = hangHintMs;
    this.#finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody may be waiting yet when a handler calls done(error).
    this.#finished.catch(() => {});
  }

  getArguments() {
    const call = this.#call;
    const context = this.#context();
    const inputs = [];
    for (const [name, data] of call.inputs) {
      const value = this.#input(name, data);
      if (data.http !== undefined && context.req === undefined) {
        context.req = value;
        context.res = new Response(context.done);
        this.#addHttpBindingData(context.bindingData, value);
      }
      context.bindings[name] = value;
      inputs.push(value);
    }
    return { context, inputs };
  }

  async invokeFunction(context, inputs, handler) {
    try {
      const result = handler(context, ...inputs);
      this.#isPromise = typeof result?.then === 'function';
      if (!this.#isPromise) return await this.#untilDone();
      const value = Promise.resolve(result).then((given) => {
        this.#end(context);
        return given;
      });
      return await Promise.race([value, this.#finished]);
    } finally {
      this.#isDone = true;
    }
  }

  /** Outputs of `return` come before those of `context.bindings`; absent names send nothing. */
  getResponse(context, result) {
    const { outputs, httpOutput, isHttp } = this.#functionInfo;
    const { bindings } = context;
    if (httpOutput && context.res && bindings[httpOutput] === undefined) {
      bindings[httpOutput] = context.res;
    }
    const values = {};
    for (const [name, { type }] of Object.entries(outputs)) {
      if (name !== '$return' && bindings?.[name] !== undefined) {
        values[name] = { type, value: bindings[name] };
      }
    }
    const response = { outputs: {}, return: {} };
    const hasReturn = Object.hasOwn(outputs, '$return');
    if (hasReturn) {
      // Old behaviour that the library keeps: a falsy value is as good as none.
      if (result) response.return = this.#cross(outputs.$return.type, result);
    } else if (result) {
      let matched = false;
      for (const [name, { type }] of Object.entries(outputs)) {
        if (typeof result !== 'object' || result[name] === undefined) continue;
        values[name] = { type, value: result[name] };
        matched = true;
      }
      if (!matched && !isHttp) response.return = toTyped(result);
    }
    for (const [name, { type, value }] of Object.entries(values)) {
      response.outputs[name] = this.#cross(type, value);
    }
    for (const [name, value] of this.#unbound(bindings, hasReturn ? undefined : result)) {
      response.outputs[name] = value;
    }
    return response;
  }

  /** Values under names that no binding has: the host sends them nowhere, and tells of them. */
  *#unbound(bindings, result) {
    const { outputs } = this.#functionInfo;
    const known = new Set([...Object.keys(outputs), ...this.#call.inputs.map(([name]) => name)]);
    const isPlain = result && Object.getPrototypeOf(result) === Object.prototype;
    for (const [name, value] of Object.entries({ ...bindings, ...(isPlain ? result : {}) })) {
      if (known.has(name) || value === undefined || value === null) continue;
      try {
        yield [name, toTyped(value)];
      } catch {
        yield [name, toTyped(String(value))]; // nothing that is lost anyway may fail the call
      }
    }
  }

  #input(name, data) {
    const type = this.#functionInfo.types[name]?.toLowerCase();
    if (data.http !== undefined) {
      return new Request(data.http, (message) => this.#warn(message));
    }
    const value = fromTyped(data);
    const isObject = value !== null && typeof value === 'object';
    return type === 'timertrigger' && isObject ? camelCased(value) : value;
  }

  #context() {
    const invocationId = this.#call.id;
    const { name, directory, definitions } = this.#functionInfo;
    const executionContext = { invocationId, functionName: name, functionDirectory: directory };
    if (this.#call.retry) {
      const [retryCount, maxRetryCount, message, stackTrace] = this.#call.retry;
      executionContext.retryContext = { retryCount, maxRetryCount, exception: { source: '', stackTrace, message } };
    }
    const log = this.#logAs('information');
    for (const [word, level] of Object.entries(LEVELS)) log[word] = this.#logAs(level);
    const context = {
      invocationId,
      traceContext: { traceparent: this.#call.trace_parent ?? '', tracestate: '', attributes: {} },
      executionContext,
      bindings: {},
      bindingData: this.#bindingData(invocationId),
      bindingDefinitions: definitions,
      log,
      done: (error, result) => this.#done(context, error, result),
    };
    return context;
  }

  #bindingData(invocationId) {
    const metadata = {};
    for (const [name, data] of Object.entries(this.#call.metadata ?? {})) {
      metadata[name] = data.http === undefined ? fromTyped(data) : data.http;
    }
    return { invocationId, ...camelCased(metadata) };
  }

  #addHttpBindingData(bindingData, request) {
    // The library fills these itself for HTTP, whatever the host sent.
    bindingData.sys = {
      methodName: this.#functionInfo.name,
      utcNow: new Date().toISOString(),
      randGuid: randomUUID(),
    };
    bindingData.query ??= { ...request.query };
    bindingData.headers ??= { ...request.headers };
  }

  #logAs(level) {
    return (...values) => {
      if (this.#isDone && this.state !== 'postInvocationHooks') this.#complainOfLateLog();
      this.#logs.log(level, format(...values), 'user', this.#from);
    };
  }

  #done(context, error, result) {
    this.#end(context);
    if (error !== undefined && error !== null) this.#settle.reject(asError(error));
    else this.#settle.resolve(result);
  }

  /** The handler says that it is over, by its promise or by `done`: once is right. */
  #end(context) {
    if (this.#isDone && !(this.#isPromise && context.suppressAsyncDoneError)) {
      this.#complain(this.#isPromise ? PROMISE_AND_DONE : DONE_TWICE);
    }
    this.#isDone = true;
  }

  async #untilDone() {
    if (this.#isDone) return this.#finished;
    const hint = setTimeout(() => {
      const { name } = this.#functionInfo;
      this.#logs.log(
        'warning',
        `Function '${name}' has returned, but it is not done: it gave no promise and has not called ` +
          "context.done(). Did you forget 'async', or a call of context.done()?",
        'system',
        this.#from,
      );
    }, this.#hangHintMs);
    hint.unref();
    try {
      return await this.#finished;
    } finally {
      clearTimeout(hint);
    }
  }

  #cross(type, value) {
    return type.toLowerCase() === 'http' ? toHttp(value, (message) => this.#warn(message)) : toTyped(value);
  }

  #warn(message) {
    this.#logs.log('warning', message, 'system', this.#from);
  }

  #complain(message) {
    this.#logs.log('error', message, 'system', this.#from);
  }

  #complainOfLateLog() {
    this.#logs.log(
      'warning',
      "Warning: Unexpected call to 'log' on the context object after function execution has completed. " +
        "Please check for asynchronous calls that are not awaited or calls to 'done' made before " +
        `function execution completes. Function name: ${this.#functionInfo.name}. ` +
        `Invocation Id: ${this.#call.id}. ${LEARN}`,
      'system',
      this.#from,
    );
  }
}
