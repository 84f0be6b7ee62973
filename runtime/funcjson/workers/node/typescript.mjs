// TypeScript as it stands: `require` and `import` compile it in memory.

import fs from 'node:fs';
import Module from 'node:module';
import process from 'node:process';
import { MessageChannel } from 'node:worker_threads';

import { cannotRun, isTypeScript } from './transpiler.mjs';

const EXTENSIONS = ['.ts', '.cts', '.tsx'];

/** Lets `require` load the app's TypeScript files. Nothing is looked for before the first one. */
export function enableTypeScript(transpiler) {
  const load = (module, file) => {
    module._compile(transpiler.compile(file, fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '')), file);
  };
  for (const extension of EXTENSIONS) Module._extensions[extension] = load;
  const resolve = Module._resolveFilename;
  // In TypeScript `./x.js` may name what x.ts is compiled to.
  Module._resolveFilename = function (request, parent, ...rest) {
    try {
      return resolve.call(this, request, parent, ...rest);
    } catch (error) {
      if (!/^\.{1,2}\/.*\.[cm]?js$/.test(request) || !isTypeScript(parent?.filename ?? '')) throw error;
      return resolve.call(this, request.replace(/js$/, 'ts'), parent, ...rest);
    }
  };
}

let isModulesEnabled = false;

/** Lets `import` load the app's TypeScript files. Throws when nothing here can run them. */
export function enableTypeScriptModules(transpiler, file) {
  if (!transpiler.hasCompiler && !process.features.typescript) throw cannotRun(file);
  if (isModulesEnabled || !Module.register) return;
  isModulesEnabled = true;
  process.setSourceMapsEnabled(true);
  const { root, known, keep } = transpiler;
  const { port1, port2: port } = new MessageChannel();
  port1.on('message', keep ?? (() => {}));
  // On Node's side too: it must not keep the worker alive.
  port1.unref();
  const data = keep ? { root, known, port } : { root, known };
  Module.register('./typescript_hooks.mjs', import.meta.url, { data, transferList: keep ? [port] : [] });
}
