// What a registered function would be as a function.json.

/** `{bindings, retry?}` with the properties as the app wrote them, and direction, type and name. */
export function documentOf({ bindings, retryOptions }) {
  const document = {
    bindings: Object.entries(bindings).map(([name, { sdkBinding, properties, ...binding }]) => ({
      ...binding,
      name,
      ...(hasMore(properties) ? { properties } : {}),
    })),
  };
  if (retryOptions) document.retry = retryOf(retryOptions);
  return document;
}

/** The library always adds a flag for the real host's own clients; it says nothing when it is off. */
function hasMore(properties) {
  const { supportsDeferredBinding, ...others } = properties ?? {};
  return supportsDeferredBinding === 'true' || Object.keys(others).length > 0;
}

const INTERVALS = ['delayInterval', 'minimumInterval', 'maximumInterval'];

function retryOf(options) {
  const retry = { strategy: options.retryStrategy, maxRetryCount: options.maxRetryCount };
  for (const name of INTERVALS) {
    if (options[name]) retry[name] = timeSpan(options[name].seconds ?? 0);
  }
  return retry;
}

function timeSpan(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const text = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86400);
  return days > 0 ? `${days}.${text}` : text;
}
