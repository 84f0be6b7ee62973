// Which files of the app were loaded, wherever they lie: the host watches them for changes.
// Packages of node_modules are no files of the app, but a package that is linked there is one, as its real path is elsewhere.
// JSON is data: apps write it while they run, and a reload at each write would lose what they hold.

import fs from 'node:fs';
import Module, { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';

import { isEsModule } from './module_kind.mjs';
import { isTypeScript } from './transpiler.mjs';

const LIBRARY = `${path.sep}node_modules${path.sep}`;
// What a module names in `from '...'`, `import '...'`, `import('...')` and `require('...')`.
const NAMED = /\b(?:from|import|require)\s*\(?\s*(["'])([^"'\n]+)\1/g;

export class LoadedFiles {
  #known = new Set();
  #fresh = [];

  /** Notes from now on what `require` loads, also what cannot be run. */
  watchRequire() {
    const { load } = Module.prototype;
    const note = (file) => this.#add(file);
    Module.prototype.load = function (file) {
      note(file);
      return load.call(this, file);
    };
  }

  /** Note an ES module and what it names, and so on. Node tells only a loader's own thread, which takes long to start. */
  addModule(file) {
    const waiting = [realPath(file)];
    while (waiting.length > 0) {
      const each = waiting.pop();
      if (!each || !this.#add(each) || !isEsModule(each)) continue;
      waiting.push(...namesIn(each).map((name) => resolve(name, each)));
    }
  }

  /** The files that were not given before. */
  take() {
    const files = this.#fresh;
    if (files.length > 0) this.#fresh = [];
    return files;
  }

  #add(file) {
    if (this.#known.has(file) || file.includes(LIBRARY) || file.endsWith('.json')) return false;
    this.#known.add(file);
    this.#fresh.push(file);
    return true;
  }
}

function namesIn(file) {
  try {
    return [...fs.readFileSync(file, 'utf8').matchAll(NAMED)].map(([, , name]) => name);
  } catch {
    return [];
  }
}

function realPath(file) {
  try {
    return fs.realpathSync(file);
  } catch {
    return undefined;
  }
}

/** The real path of what a file names, when that is one of the app. */
function resolve(name, from) {
  if (isBuiltin(name) || /^\w+:/.test(name)) return undefined;
  if (!/^\.{0,2}\//.test(name)) return inPackage(name, from);
  const file = path.resolve(path.dirname(from), name);
  return realPath(file) ?? (isTypeScript(from) ? realPath(file.replace(/js$/, 'ts')) : undefined);
}

/** A file of a package, or undefined when that is a library. */
function inPackage(name, from) {
  const [, packageName, rest] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name) ?? [];
  const { resolve: resolveAsRequire } = createRequire(from);
  const folder = resolveAsRequire.paths(name)?.map((each) => realPath(path.join(each, packageName))).find(Boolean);
  if (!folder || folder.includes(LIBRARY)) return undefined;
  return exported(folder, `.${rest}`) ?? attempt(() => resolveAsRequire(name));
}

/** What `exports` of a package's package.json gives an `import`. */
function exported(folder, subpath) {
  const { exports } = attempt(() => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))) ?? {};
  if (exports === undefined) return undefined;
  const bySubpath = typeof exports === 'object' && Object.keys(exports ?? {}).some((key) => key.startsWith('.'));
  for (const [key, value] of Object.entries(bySubpath ? exports : { '.': exports })) {
    const [before, after] = key.split('*');
    const isMatch = after === undefined ? key === subpath : subpath.startsWith(before) && subpath.endsWith(after);
    const target = isMatch && forImport(value);
    const star = after === undefined ? '' : subpath.slice(before.length, subpath.length - after.length);
    if (target) return realPath(path.join(folder, target.replaceAll('*', star)));
  }
  return undefined;
}

/** The first target among nested conditions. */
function forImport(value) {
  if (typeof value === 'string') return value;
  for (const [condition, inner] of Object.entries(value ?? {})) {
    const target = ['node', 'import', 'module-sync', 'default'].includes(condition) && forImport(inner);
    if (target) return target;
  }
  return undefined;
}

function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
