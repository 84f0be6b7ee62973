// The HTTP request as a v3 handler sees it: `req`.

import { parseForm } from './forms.mjs';
import { parseWherePossible } from './values.mjs';

const BINARY = /^(application\/octet-stream|multipart\/)/i;

export class Request {
  constructor(http, warn) {
    this.method = http.method;
    this.url = http.url;
    this.originalUrl = http.url;
    this.headers = { ...http.headers };
    this.query = { ...http.query };
    this.params = paramsOf(http.params);
    const raw = http.body?.bytes ?? (http.body?.string ?? http.body?.json);
    if (raw !== undefined && raw.length > 0) {
      this.bufferBody = Buffer.from(raw);
      this.rawBody = this.bufferBody.toString('utf8');
      // Parsed whatever the content type says, when it parses; only binary types stay bytes.
      this.body = BINARY.test(this.headers['content-type'] ?? '')
        ? this.bufferBody
        : parseWherePossible(this.rawBody);
    }
    let user;
    Object.defineProperty(this, 'user', {
      enumerable: true,
      get: () => (user === undefined ? (user = userOf(this.headers, warn)) : user),
    });
  }

  get(name) {
    return this.headers[name.toLowerCase()];
  }

  parseFormBody() {
    return parseForm(this.get('content-type'), this.bufferBody ?? Buffer.alloc(0));
  }
}

/** Optional parameters that the URL leaves out are not there. */
export function paramsOf(params) {
  return Object.fromEntries(Object.entries(params ?? {}).filter(([, value]) => value !== null));
}

/** Who is signed in, read off the headers that App Service and Static Web Apps add; null for nobody. */
function userOf(headers, warn) {
  const encoded = headers['x-ms-client-principal'];
  if (!encoded) return null;
  let principal;
  try {
    principal = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
    if (principal === null || typeof principal !== 'object') throw new Error('not a JSON object');
  } catch (error) {
    warn(`Failed to parse x-ms-client-principal header: ${error.message}`);
    return null;
  }
  if (principal.identityProvider) {
    return {
      type: 'StaticWebApps',
      id: principal.userId,
      username: principal.userDetails,
      identityProvider: principal.identityProvider,
      claimsPrincipalData: principal,
    };
  }
  return {
    type: 'AppService',
    id: headers['x-ms-client-principal-id'],
    username: headers['x-ms-client-principal-name'],
    identityProvider: headers['x-ms-client-principal-idp'],
    claimsPrincipalData: principal,
  };
}
