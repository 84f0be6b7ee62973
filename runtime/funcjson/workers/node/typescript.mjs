// TypeScript as it stands: compiled in memory by the app's own compiler, else by a Node that strips types.

import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

import { toCommonJs } from './commonjs.mjs';

const SOURCE = /\.[cm]?tsx?$/;
const EXTENSIONS = ['.ts', '.cts', '.tsx'];

export function isTypeScript(file) {
  return SOURCE.test(file);
}

/** Lets `require` load the app's TypeScript files. Nothing is looked for before the first one. */
export function enableTypeScript(root) {
  let compile;
  const load = (module, file) => {
    compile ??= compiler(root);
    module._compile(compile(file, fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '')), file);
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

/** Why a file cannot be run, with what to do. */
export function cannotRun(file) {
  return new Error(
    `Node.js ${process.versions.node} cannot run TypeScript: ${path.basename(file)}. Install the app's ` +
      "packages with typescript among them ('npm install'), or use Node.js 22.18 or newer, or compile the app.",
  );
}

function compiler(root) {
  const compile = byPackage(root) ?? byNode();
  if (!compile) return (file) => {
    throw cannotRun(file);
  };
  // So that errors name the lines of the source.
  process.setSourceMapsEnabled(true);
  return compile;
}

/** The compiler that the app itself is built with, by its own tsconfig.json. */
function byPackage(root) {
  const ts = appsCompiler(root);
  if (!ts?.transpileModule) return undefined;
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config?.compilerOptions ?? {}, root);
  const compilerOptions = {
    ...options,
    module: ts.ModuleKind.CommonJS,
    target: ts.ScriptTarget.ES2022,
    moduleResolution: undefined,
    verbatimModuleSyntax: undefined,
    noEmit: false,
    declaration: false,
    composite: false,
    incremental: false,
    sourceMap: false,
    inlineSourceMap: true,
    inlineSources: true,
  };
  return (fileName, text) => {
    const { outputText, diagnostics } = ts.transpileModule(text, { fileName, compilerOptions, reportDiagnostics: true });
    const [wrong] = diagnostics.filter(({ category, file }) => file && category === ts.DiagnosticCategory.Error);
    if (wrong) throw syntaxError(ts, wrong);
    return outputText;
  };
}

function appsCompiler(root) {
  try {
    return createRequire(path.join(root, 'package.json'))('typescript');
  } catch {
    return undefined;
  }
}

function syntaxError(ts, { file, start, messageText }) {
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  const error = new SyntaxError(ts.flattenDiagnosticMessageText(messageText, '\n'));
  error.stack = `${file.fileName}:${line + 1}:${character + 1}\n${error.stack}`;
  return error;
}

function byNode() {
  const strip = Module.stripTypeScriptTypes;
  if (!strip) return undefined;
  return (file, text) => toCommonJs(quietly(() => stripped(strip, file, text)));
}

function stripped(strip, file, text) {
  try {
    return strip(text, { mode: 'strip' });
  } catch (error) {
    // Enumerations and the like are more than types.
    if (error.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    return strip(text, { mode: 'transform', sourceMap: true, sourceUrl: file });
  }
}

/** Node tells once that this is experimental; the user of an app has not asked for it. */
function quietly(work) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}
