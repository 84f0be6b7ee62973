// The module `@azure/functions-core`: what a programming model library asks of its worker.

import Module from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { isOurs } from './errors.mjs';
import { documentOf } from './documents.mjs';
import { isTypeScript } from './transpiler.mjs';

const NAME = '@azure/functions-core';
// Libraries look at these to learn what they may use: the real worker and host whose interface this is.
const WORKER_VERSION = '3.9.1';
const HOST_VERSION = '4.1052.200';
const HOOKS = ['preInvocation', 'postInvocation', 'appStart', 'appTerminate', 'log'];

export class CoreApi {
  #root;
  #logs;
  #functions = new Map();
  #hooks = Object.fromEntries(HOOKS.map((name) => [name, []]));
  #appHookData = {};
  #model;
  #isStarted = false;
  #isHookLogging = false;
  httpUri;

  constructor({ root, logs }) {
    this.#root = root;
    this.#logs = logs;
    logs.transform = (entry) => this.#runLogHooks(entry);
  }

  /** The module does not exist on disk; `require` gives this object for its name. */
  install() {
    const load = Module._load;
    const members = this.#members();
    Module._load = function (request, ...rest) {
      return request === NAME ? members : load.call(this, request, ...rest);
    };
  }

  /** From here on nothing can be registered; learns what the library can do. */
  async freeze() {
    this.#isStarted = true;
    const capabilities = await this.#model?.getCapabilities?.({});
    this.httpUri = capabilities?.HttpUri;
  }

  find(name) {
    return this.#functions.get(name);
  }

  get functions() {
    return [...this.#functions.values()];
  }

  documents() {
    return this.functions.map(({ metadata, place }) => ({
      name: metadata.name,
      document: documentOf(metadata),
      script_file: place.file,
      line: place.line,
      entry_point: null,
    }));
  }

  hasHooks(name) {
    return this.#hooks[name].length > 0;
  }

  /** Run the hooks of a kind in order, on one context object that they may change. */
  async runHooks(name, members) {
    const context = { hookData: {}, appHookData: this.#appHookData, ...members };
    for (const hook of [...this.#hooks[name]]) await hook(context);
    return context;
  }

  #runLogHooks({ level, message, category, invocationContext }) {
    // A hook that logs must not be asked about its own line.
    if (this.#hooks.log.length === 0 || this.#isHookLogging) return { level, message };
    this.#isHookLogging = true;
    try {
      const context = { hookData: {}, appHookData: this.#appHookData, level, message, category, invocationContext };
      for (const hook of this.#hooks.log) hook(context);
      return { level: context.level, message: context.message };
    } finally {
      this.#isHookLogging = false;
    }
  }

  #members() {
    return {
      version: WORKER_VERSION,
      hostVersion: HOST_VERSION,
      Disposable,
      setProgrammingModel: (model) => {
        if (this.#isStarted) throw systemError(Error, 'A programming model can only be set during app startup.');
        this.#model = model;
      },
      getProgrammingModel: () => this.#model,
      registerFunction: (metadata, handler) => this.#register(metadata, handler),
      registerHook: (name, hook) => this.#registerHook(name, hook),
      log: (level, category, message) => this.#logs.log(level, message, category === 'user' ? 'user' : 'system'),
    };
  }

  #register(metadata, handler) {
    if (this.#isStarted) {
      throw systemError(Error, 'A function can only be registered during app startup.');
    }
    const { name } = metadata;
    if (this.#functions.has(name)) {
      throw systemError(Error, `A function with id "${name}" has already been registered.`);
    }
    const place = placeOfCall(this.#root);
    const directory = this.#root;
    this.#functions.set(name, {
      metadata: { ...metadata, directory, scriptFile: place.file },
      handler,
      place,
      // Kept with the function: two copies of a library may register functions in one app.
      model: this.#model,
    });
    return new Disposable(() => this.#functions.delete(name));
  }

  #registerHook(name, hook) {
    if (!HOOKS.includes(name)) throw systemError(RangeError, `Unrecognized hook "${name}"`);
    const hooks = this.#hooks[name];
    hooks.push(hook);
    return new Disposable(() => hooks.splice(hooks.indexOf(hook), 1));
  }
}

class Disposable {
  #dispose;

  constructor(dispose) {
    this.#dispose = dispose;
  }

  static from(...disposables) {
    return new Disposable(() => disposables.forEach((each) => each?.dispose?.()));
  }

  dispose() {
    this.#dispose?.();
    this.#dispose = undefined;
  }
}

function systemError(Kind, message) {
  return Object.assign(new Kind(message), { isAzureFunctionsSystemError: true });
}

function sourceMapOf(file) {
  return Module.findSourceMap(file) ?? Module.findSourceMap(pathToFileURL(file).href);
}

/** Line and column in the source, where the file that runs was made of one in memory. */
function placeInSource(file, site) {
  const [line, column] = [site.getLineNumber() ?? 0, site.getColumnNumber() ?? 1];
  const entry = sourceMapOf(file)?.findEntry(line - 1, column - 1);
  if (!isTypeScript(file) || entry?.originalLine === undefined) return { line, column };
  return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

/** File (relative to the app, with `/`), line and column of the user's code that is registering a function now. */
function placeOfCall(root) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  let sites;
  try {
    Error.stackTraceLimit = 50;
    Error.prepareStackTrace = (_, callSites) => callSites;
    sites = new Error('where am I').stack;
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
  for (const site of sites) {
    const url = site.getFileName() ?? '';
    const file = url.startsWith('file:') ? fileURLToPath(url) : url;
    if (!path.isAbsolute(file) || isOurs(file)) continue;
    return { file: path.relative(root, file).replaceAll('\\', '/'), ...placeInSource(file, site) };
  }
  return { file: '', line: 0 };
}
