// The app as a whole: its package.json, its entry files, and the functions that were loaded.

import fs from 'node:fs';
import path from 'node:path';

import { CoreApi } from './core_api.mjs';
import { asError, failure } from './errors.mjs';
import { expandMain, isGlob } from './glob.mjs';
import { handlerOf, loadFile } from './handlers.mjs';
import { current, scope } from './logs.mjs';
import { enableTypeScript } from './typescript.mjs';

const MAIN_HELP = 'Learn more here: https://aka.ms/AAla7et';

export class App {
  #root;
  #logs;
  #functions = new Map();
  #started;
  #startError;
  #package;
  #runsMain;
  #tools;
  core;

  /** Without `runsMain` package.json is only looked into for its dependencies. */
  constructor({ root, logs, runsMain = true, transpiler, loaded }) {
    this.#root = root;
    this.#runsMain = runsMain;
    this.#logs = logs;
    this.core = new CoreApi({ root, logs });
    this.core.install();
    this.#tools = { transpiler, loaded };
    enableTypeScript(transpiler);
    loaded.watchRequire();
  }

  /** Run the entry files of package.json, once. Never throws: what went wrong is told by load and index. */
  start() {
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start() {
    try {
      await current.run(scope(null, null), () => this.#runMain());
      await this.core.runHooks('appStart', { functionAppDirectory: this.#root });
    } catch (thrown) {
      this.#startError = thrown;
    }
    await this.core.freeze().catch((thrown) => {
      this.#startError ??= thrown;
    });
  }

  async #runMain() {
    this.#package = this.#readPackage();
    const main = this.#package?.main;
    if (!main || !this.#runsMain) return;
    const files = expandMain(this.#root, main);
    if (files.length === 0) {
      const why = isGlob(main) ? 'Found zero files matching the supplied pattern' : 'File does not exist';
      throw entryError(main, new Error(`${why}. ${MAIN_HELP}`));
    }
    for (const file of files) {
      try {
        await loadFile(file, this.#tools);
      } catch (thrown) {
        const name = path.relative(this.#root, file).replaceAll('\\', '/');
        throw entryError(name, withInstallHint(asError(thrown), this.#package));
      }
    }
  }

  #readPackage() {
    const warn = (why) => this.#logs.log('warning', `Worker failed to load package.json: ${why}`, 'system');
    let text;
    try {
      text = fs.readFileSync(path.join(this.#root, 'package.json'), 'utf8');
    } catch {
      warn('file does not exist');
      return undefined;
    }
    try {
      return JSON.parse(text.replace(/^\ufeff/, ''));
    } catch (error) {
      warn(`file content is not valid JSON: ${error.message}`);
      return undefined;
    }
  }

  async load(spec) {
    await this.start();
    if (this.#startError) throw this.#startError;
    if (spec.code_first) {
      if (!this.core.find(spec.name)) throw new Error(`The app does not register a function named '${spec.name}'.`);
      return;
    }
    const file = path.resolve(this.#root, spec.script_file);
    try {
      const exported = await current.run(scope(spec.name, null), () => loadFile(file, this.#tools));
      const handler = handlerOf(exported, spec.entry_point);
      this.#functions.set(spec.name, { handler, info: describe(spec) });
    } catch (thrown) {
      const error = withInstallHint(asError(thrown), this.#package);
      throw named(error, `Worker was unable to load function ${spec.name}: '${error.message}'`);
    }
  }

  find(name) {
    return this.#functions.get(name) ?? this.core.find(name);
  }

  async index() {
    await this.start();
    const problem = this.#startError && failure(this.#startError);
    return {
      functions: problem ? [] : this.core.documents(),
      error: problem ? problem.message : null,
      stack: problem ? problem.stack : '',
      file: problem?.file,
      line: problem?.line,
      column: problem?.column,
      warnings: problem ? [] : this.#warnings(),
      streams: this.core.httpUri !== undefined,
    };
  }

  #warnings() {
    const warnings = this.core.functions
      .filter(({ handler }) => typeof handler !== 'function')
      .map(({ metadata: { name }, place }) => ({
        ...place,
        file: place.file && path.join(this.#root, place.file),
        message: `Function '${name}' has no handler: its calls will fail.`,
      }));
    if (this.#package && !this.#package.main && this.core.functions.length === 0) {
      warnings.push('package.json has no "main"; functions of the v4 programming model are only loaded from there.');
    }
    return warnings;
  }
}

function entryError(main, cause) {
  return named(cause, `Worker was unable to load entry point "${main}": ${cause.message}`);
}

/** The same error, stack kept, under a message that says what could not be done. */
function named(error, message) {
  const result = new Error(message);
  result.name = error.name;
  result.stack = error.stack ?? '';
  return result;
}

const NOT_FOUND = /^Cannot find (?:module|package) '([^'./][^']*)'/;

/** A package that is not there is the most frequent reason; say how to get it. */
function withInstallHint(error, packageJson) {
  const missing = NOT_FOUND.exec(error.message)?.[1];
  if (!missing || path.isAbsolute(missing)) return error;
  const name = missing.split('/', missing.startsWith('@') ? 2 : 1).join('/');
  const isListed = Object.hasOwn({ ...packageJson?.dependencies, ...packageJson?.devDependencies }, name);
  const fix = isListed
    ? "package.json lists it: run 'npm install' in the app's folder, or start with --install"
    : `package.json does not list it: run 'npm install ${name}' in the app's folder`;
  return named(error, `${error.message.split('\n')[0]} (${fix})`);
}

/** What an invocation must know about its function.json. */
function describe({ name, directory, bindings }) {
  const outputs = {};
  const types = {};
  for (const binding of bindings) {
    types[binding.name] = binding.type;
    if ((binding.direction ?? 'in').toLowerCase() !== 'in') outputs[binding.name] = binding;
  }
  const definitions = bindings.map(({ name: key, type, direction }) => ({ name: key, type, direction }));
  const httpOutput = Object.keys(outputs).find((key) => outputs[key].type.toLowerCase() === 'http');
  const isHttp = bindings.some(({ type }) => type.toLowerCase() === 'httptrigger');
  return { name, directory, types, outputs, definitions, httpOutput, isHttp };
}
