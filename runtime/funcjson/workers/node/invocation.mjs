// One call of a handler: arguments, hooks, the handler, hooks, outputs.

import { CoreInvocation } from './core_model.mjs';
import { current, scope } from './logs.mjs';
import { V3Invocation } from './v3_model.mjs';

const HANG_HINT_MS = 5000;

/** A call of a handler, from its request to its answer. */
export class Invocation {
  #call;
  #found;
  #app;
  #logs;
  #options;
  #pass;
  #model;
  since = performance.now();

  /** `pass` sends a message of an HTTP stream to the host, and waits while the host is slow. */
  constructor({ call, app, logs, options, pass }) {
    this.#call = call;
    this.#app = app;
    this.#logs = logs;
    this.#options = options;
    this.#pass = pass;
    this.#found = app.find(call.function);
  }

  get name() {
    return this.#call.function;
  }

  /** Run it; gives `{outputs, return}` of the wire, or throws what the handler threw. */
  run() {
    if (!this.#found) throw new Error(`The worker has no function named '${this.name}'.`);
    const from = scope(this.name, this.#call.id);
    return current.run(from, async () => {
      try {
        this.#model = this.#makeModel(from);
        return await run(this.#model, this.#found.handler, this.#app.core, from);
      } finally {
        this.#model?.close?.();
        this.#logs.flush(from);
      }
    });
  }

  /** More of a request body that comes in pieces. */
  write(message) {
    this.#model?.write?.(message);
  }

  /** The caller is gone. */
  cancel() {
    this.#model?.close?.();
  }

  #makeModel(from) {
    const common = { call: this.#call, logs: this.#logs, from };
    if (this.#found.metadata) {
      const passResponse =
        this.#options.http_streams && ((message) => this.#pass({ ...message, id: this.#call.id }));
      const { httpUri } = this.#app.core;
      return new CoreInvocation({ ...common, found: this.#found, httpUri, passResponse });
    }
    const hangHintMs = this.#options.hang_hint_ms ?? HANG_HINT_MS;
    return new V3Invocation({ ...common, functionInfo: this.#found.info, hangHintMs });
  }
}

async function run(model, handler, core, from) {
  const { context, inputs } = await model.getArguments();
  from.context = context;
  if (!core.hasHooks('preInvocation') && !core.hasHooks('postInvocation')) {
    return model.getResponse(context, await model.invokeFunction(context, inputs, handler));
  }
  model.state = 'preInvocationHooks';
  const before = await core.runHooks('preInvocation', {
    invocationContext: context,
    functionCallback: handler,
    inputs,
  });
  model.state = 'invocation';
  let result = null;
  let error = null;
  try {
    result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (thrown) {
    error = thrown ?? new Error('Unknown error');
  }
  model.state = 'postInvocationHooks';
  const after = await core.runHooks('postInvocation', {
    invocationContext: context,
    inputs: before.inputs,
    hookData: before.hookData,
    result,
    error,
  });
  if (after.error !== null && after.error !== undefined) throw after.error;
  return model.getResponse(context, after.result);
}
