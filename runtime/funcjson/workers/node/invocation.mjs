// One call of a handler: arguments, hooks, the handler, hooks, outputs.

import { CoreInvocation } from './core_model.mjs';
import { current, scope } from './logs.mjs';
import { V3Invocation } from './v3_model.mjs';

const HANG_HINT_MS = 5000;

/** Run a call; gives `{outputs, return}` of the wire, or throws what the handler threw. */
export function invoke({ call, app, logs, options }) {
  const found = app.find(call.function);
  if (!found) throw new Error(`The worker has no function named '${call.function}'.`);
  const from = scope(call.function, call.id);
  return current.run(from, async () => {
    try {
      return await run(modelOf({ call, found, logs, from, options }), found.handler, app.core, from);
    } finally {
      logs.flush(from);
    }
  });
}

function modelOf({ call, found, logs, from, options }) {
  if (found.metadata) return new CoreInvocation({ call, found, logs, from, metadata: call.metadata });
  const hangHintMs = options.hang_hint_ms ?? HANG_HINT_MS;
  return new V3Invocation({ call, functionInfo: found.info, logs, from, hangHintMs });
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
