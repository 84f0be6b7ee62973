// What an idle event loop waits for, in words: timers with the place of their callback, connections, child processes.

import inspector from 'node:inspector';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { isOurs } from './errors.mjs';
import { sourceOf } from './source_maps.mjs';

// Under this name the inspector finds what it is asked about, for as long as the question takes.
const NAME = '__funcjson_waiting';
const REQUESTS = { FSReqCallback: 'a file operation', FSReqPromise: 'a file operation' };

/** One text for each thing that is waited for; `isOwn` tells the worker's own sockets. */
export function whatIsWaitedFor(isOwn) {
  const handles = process._getActiveHandles?.() ?? [];
  const requests = process._getActiveRequests?.() ?? [];
  const texts = [
    ...timers(),
    ...handles.filter((each) => !isOwn(each)).map(describeHandle),
    ...requests.map(describeRequest),
  ];
  return [...new Set(texts.filter(Boolean))];
}

function describeHandle(handle) {
  if (handle.spawnfile) return `the end of a child process: ${handle.spawnfile} (pid ${handle.pid})`;
  if (handle.connecting) return `a connection to ${handle._host ?? 'another machine'} that is not there yet`;
  if (handle.remotePort) return `an open connection to ${handle.remoteAddress}:${handle.remotePort}`;
  return undefined;
}

function describeRequest(request) {
  const kind = request.constructor?.name ?? '';
  if (kind === 'GetAddrInfoReqWrap') return `the address of ${request.hostname}`;
  return REQUESTS[kind];
}

/** Node keeps no list of its timers, and hooks would cost each promise: the heap is searched when it is asked for. */
function timers() {
  const probe = setTimeout(() => {}, 0);
  clearTimeout(probe);
  const session = new inspector.Session();
  try {
    session.connect();
    globalThis[NAME] = { prototype: Object.getPrototypeOf(probe) };
    return search(session);
  } catch {
    // Without an inspector only this comfort is lost.
    return [];
  } finally {
    delete globalThis[NAME];
    session.disconnect();
  }
}

function search(session) {
  const urls = new Map();
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));
  const ask = (method, parameters) => {
    let answer;
    // On the same thread it is called back before `post` returns.
    session.post(method, parameters, (error, result) => (answer = result));
    return answer;
  };
  ask('Debugger.enable');
  const { result } = ask('Runtime.evaluate', { expression: `${NAME}.prototype` });
  const { objects } = ask('Runtime.queryObjects', { prototypeObjectId: result.objectId });
  ask('Runtime.callFunctionOn', {
    objectId: objects.objectId,
    functionDeclaration: `function () { ${NAME}.found = this; }`,
  });
  return globalThis[NAME].found
    .map((timer, at) => (timer._destroyed || !timer.hasRef() ? undefined : { timer, place: placeOf(ask, urls, at) }))
    .filter((each) => each && !isOurs(each.place))
    .map(({ timer, place }) => {
      const what = timer._repeat ? 'an interval' : 'a timer';
      return `${what} of ${timer._idleTimeout / 1000} s${place && `, whose callback is at ${place}`}`;
    });
}

/** Where the callback of a timer is written; "" for one of Node itself, as the `resolve` of a promise is. */
function placeOf(ask, urls, at) {
  const { result } = ask('Runtime.evaluate', { expression: `${NAME}.found[${at}]._onTimeout` });
  if (!result.objectId) return '';
  const { internalProperties } = ask('Runtime.getProperties', { objectId: result.objectId, ownProperties: true });
  const found = internalProperties?.find(({ name }) => name === '[[FunctionLocation]]')?.value?.value;
  const url = found && urls.get(found.scriptId);
  if (!url || url.startsWith('node:')) return '';
  const file = url.startsWith('file://') ? fileURLToPath(url) : url;
  const [line, column] = [found.lineNumber + 1, found.columnNumber + 1];
  const place = sourceOf(file, line, column) ?? { file, line, column };
  return `${place.file}:${place.line}:${place.column}`;
}
