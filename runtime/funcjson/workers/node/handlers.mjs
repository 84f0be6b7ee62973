// From a script file of function.json to the function that handles its calls.

import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { cannotRun, isTypeScript } from './transpiler.mjs';

const require = createRequire(import.meta.url);

/** Packages ask `require.main` for the program that runs; an ES module as program would leave it undefined. */
export function haveMain(program) {
  const main = new Module(program);
  Object.assign(main, { id: '.', filename: program, loaded: true, paths: Module._nodeModulePaths(process.cwd()) });
  process.mainModule = main;
}

/** Load a file as Node would: `import` for ES modules, `require` for the others. */
export async function loadFile(file) {
  if (!isEsModule(file)) return require(file);
  if (isTypeScript(file) && !process.features.typescript) throw cannotRun(file);
  return import(pathToFileURL(file).href);
}

function isEsModule(file) {
  const extension = path.extname(file);
  if (extension === '.mjs' || extension === '.mts') return true;
  if (extension === '.cjs' || extension === '.cts') return false;
  return packageType(path.dirname(file)) === 'module';
}

/** `type` of the nearest package.json, by Node's own rule. */
function packageType(directory) {
  for (let folder = directory; ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type;
    } catch (error) {
      if (error.code !== 'ENOENT') return undefined;
    }
    if (path.basename(folder) === 'node_modules' || folder === path.dirname(folder)) return undefined;
  }
}

/** The handler of a module, bound to it: the rules of host.md 9.1. */
export function handlerOf(exported, entryPoint) {
  let handler = exported;
  let owner;
  if (exported !== null && typeof exported === 'object') {
    owner = exported;
    const names = Object.keys(exported);
    if (entryPoint) handler = exported[entryPoint];
    else if (names.length === 1) handler = exported[names[0]];
    else handler = exported.run || exported.index;
  }
  if (!handler) {
    const which = entryPoint ? `: ${entryPoint}` : '';
    throw new Error(
      `Unable to determine function entry point${which}. If multiple functions are exported, you must ` +
        "indicate the entry point, either by naming it 'run' or 'index', or by naming it explicitly via " +
        "the 'entryPoint' metadata property.",
    );
  }
  if (typeof handler !== 'function') {
    throw new Error(
      'The resolved entry point is not a function and cannot be invoked by the functions runtime. ' +
        'Make sure the function has been correctly exported.',
    );
  }
  return owner === undefined ? handler : handler.bind(owner);
}
