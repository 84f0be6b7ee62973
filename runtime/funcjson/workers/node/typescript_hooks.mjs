// ES modules in TypeScript: `import` compiles them. Node runs these hooks in a thread of their own.

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { isEsModule } from './module_kind.mjs';
import { isTypeScript, Transpiler } from './transpiler.mjs';

let transpiler;

/** `port`, when there is one, is told what was compiled. */
export function initialize({ root, known, port }) {
  transpiler = new Transpiler(root, { known, keep: port && ((made) => port.postMessage(made)) });
}

/** In TypeScript `./x.js` may name what x.ts is compiled to. */
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!/^\.{1,2}\/.*\.[cm]?js$/.test(specifier) || !isTypeScript(context.parentURL ?? '')) throw error;
    return next(specifier.replace(/js$/, 'ts'), context);
  }
}

export async function load(url, context, next) {
  const file = url.startsWith('file:') ? fileURLToPath(url) : '';
  if (!isTypeScript(file) || !isEsModule(file) || !transpiler.canCompile) return next(url, context);
  const text = fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  return { format: 'module', source: transpiler.compile(file, text, true), shortCircuit: true };
}
