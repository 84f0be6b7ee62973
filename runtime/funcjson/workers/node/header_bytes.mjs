// Header values for what holds bytes, one a character: the library's Headers, and requests of Node's own http module.

const BEYOND_BYTES = /[^\0-\xff]/;

/**
 * The headers, with values that bytes cannot hold as their UTF-8 bytes. So Node's own HTTP server gives them, and
 * so they arrive on Azure (azure-functions-host issue 9718).
 */
export function byteHeaders(headers) {
  const entries = Object.entries(headers);
  if (!entries.some(([, value]) => BEYOND_BYTES.test(value))) return headers;
  return Object.fromEntries(entries.map(([name, value]) => [name, byteText(value)]));
}

function byteText(value) {
  return BEYOND_BYTES.test(value) ? Buffer.from(value).toString('latin1') : value;
}
