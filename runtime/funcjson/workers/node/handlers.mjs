// From a script file of function.json to the function that handles its calls.

import Module, { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

import { isEsModule } from './module_kind.mjs';
import { isTypeScript } from './transpiler.mjs';
import { enableTypeScriptModules } from './typescript.mjs';

const require = createRequire(import.meta.url);

/** Packages ask `require.main` for the program that runs; an ES module as program would leave it undefined. */
export function haveMain(program) {
  const main = new Module(program);
  Object.assign(main, { id: '.', filename: program, loaded: true, paths: Module._nodeModulePaths(process.cwd()) });
  process.mainModule = main;
}

/** Load a file as Node would: `import` for ES modules, `require` for the others. */
export async function loadFile(file, { transpiler, loaded }) {
  if (!isEsModule(file)) return require(file);
  if (isTypeScript(file)) enableTypeScriptModules(transpiler, file);
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    loaded.addModule(file);
  }
}

/** The handler of a module, bound to it: the rules of src/LegacyFunctionLoader.ts of azure-functions-nodejs-worker. */
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
