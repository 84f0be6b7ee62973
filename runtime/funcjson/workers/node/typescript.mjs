// TypeScript as it stands: `require` compiles it in memory.

import fs from 'node:fs';
import Module from 'node:module';

import { isTypeScript } from './transpiler.mjs';

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
