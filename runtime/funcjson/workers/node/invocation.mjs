// One call of a handler: arguments, hooks, the handler, hooks, outputs.

import { current, scope } from './logs.mjs';
import { V3Invocation } from './v3_model.mjs';

const HANG_HINT_MS = 5000;

/** Run a call; gives `{outputs, return}` of the wire, or throws what the handler threw. */
export function invoke({ call, app, logs, options }) {
  const found = app.find(call.function);
  if (!found) throw new Error(`The worker has no function named '${call.function}'.`);
  const from = scope(call.function, call.id);
  return current.run(from, async () => {
    const model = new V3Invocation({
      call,
      functionInfo: found.info,
      logs,
      from,
      hangHintMs: options.hang_hint_ms ?? HANG_HINT_MS,
    });
    try {
      const { context, inputs } = await model.getArguments();
      const result = await model.invokeFunction(context, inputs, found.handler);
      return await model.getResponse(context, result);
    } finally {
      logs.flush(from);
    }
  });
}
