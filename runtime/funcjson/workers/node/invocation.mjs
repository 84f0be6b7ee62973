// One call of a handler: arguments, hooks, the handler, hooks, outputs.

import { CoreInvocation } from './core_model.mjs';
import { current, scope } from './logs.mjs';
import { V3Invocation } from './v3_model.mjs';

const HANG_HINT_MS = 5000;
// How many bytes of a response may be on their way to a caller that reads slowly.
const MOST_UNDER_WAY = 1 << 20;

/** A call of a handler, from its request to its answer. */
export class Invocation {
  #call;
  #found;
  #app;
  #logs;
  #options;
  #outbox;
  #model;
  #underWay = 0;
  #goOn = () => {};
  since = performance.now();

  constructor({ call, app, logs, options, outbox }) {
    this.#call = call;
    this.#app = app;
    this.#logs = logs;
    this.#options = options;
    this.#outbox = outbox;
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

  /** The caller has taken so many bytes of the response. */
  taken({ size }) {
    this.#underWay -= size;
    if (this.#underWay < MOST_UNDER_WAY) this.#goOn();
  }

  /** The caller is gone. */
  cancel() {
    this.#model?.close?.();
    this.#goOn();
  }

  async #passPiece(message) {
    this.#underWay += message.data?.bytes?.length ?? 0;
    await this.#outbox.pass({ ...message, id: this.#call.id });
    if (this.#underWay >= MOST_UNDER_WAY) await new Promise((resolve) => (this.#goOn = resolve));
  }

  #makeModel(from) {
    const common = { call: this.#call, logs: this.#logs, from };
    if (this.#found.metadata) {
      const passResponse = this.#call.stream && ((message) => this.#passPiece(message));
      const { httpUri } = this.#app.core;
      const taken = (size) => this.#outbox.send({ op: 'taken', id: this.#call.id, size });
      return new CoreInvocation({ ...common, found: this.#found, httpUri, passResponse, taken });
    }
    const hangHintMs = this.#options.hang_hint_ms ?? HANG_HINT_MS;
    return new V3Invocation({ ...common, functionInfo: this.#found.info, hangHintMs });
  }
}

async function run(model, handler, core, from) {
  const { context, inputs } = await model.getArguments();
  from.context = context;
  // Libraries would tell this in words of their own, or not at all.
  if (typeof handler !== 'function') throw new TypeError('handler is not a function');
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
