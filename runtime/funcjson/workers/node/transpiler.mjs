// TypeScript to JavaScript in memory: by the app's own compiler, else by a Node that strips types.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

import { toCommonJs } from './commonjs.mjs';
import { isEsModule } from './module_kind.mjs';
import { withoutTypeImports } from './type_imports.mjs';

const SOURCE = /\.[cm]?tsx?$/;

export function isTypeScript(file) {
  return SOURCE.test(file);
}

/** Compiles the files of one app. Nothing is looked for before the first one. */
export class Transpiler {
  root;
  known;
  keep;
  #settings;
  #compile;
  #isInstalled;

  /** `known` has what was made before: file -> [key, output]. `keep` is told what is made by the app's compiler. */
  constructor(root, { known = {}, keep } = {}) {
    this.root = root;
    this.known = known;
    this.keep = keep;
  }

  /** Whether the app has a compiler of its own. It is not loaded to find out. */
  get hasCompiler() {
    this.#isInstalled ??= isInstalled(this.root);
    return this.#isInstalled;
  }

  /** Whether ES modules can be compiled here: a Node that strips types by itself may not let others do it. */
  get canCompile() {
    return this.hasCompiler || Module.stripTypeScriptTypes !== undefined;
  }

  /** The file's text as JavaScript: an ES module, or CommonJS. */
  compile(file, text, isModule = false) {
    // So that errors name the lines of the source.
    process.setSourceMapsEnabled(true);
    const key = this.keep && this.#keyOf(text, isModule);
    const known = key && this.known[file];
    if (known && known[0] === key) return known[1];
    const { make, isOfPackage } = this.#compiler();
    const output = make(file, text, isModule);
    if (key && isOfPackage) this.keep({ file, key, output });
    return output;
  }

  /** Load the app's compiler, and let it work once: the first time takes long. */
  warmUp() {
    this.#compiler().make(path.join(this.root, 'warm.ts'), 'export const warm: number = 1;');
  }

  /** `[file, key, output]` of each file that the app's compiler understands. */
  transpile(files) {
    const settings = read(path.join(this.root, 'tsconfig.json'));
    if (settings !== this.#settings) this.#compile = undefined;
    this.#settings = settings;
    return files.flatMap((file) => {
      try {
        const text = fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
        const isModule = isEsModule(file);
        return [[file, this.#keyOf(text, isModule), this.#compiler().make(file, text, isModule)]];
      } catch {
        return []; // what is wrong with it, the worker that runs it will tell
      }
    });
  }

  #compiler() {
    if (this.#compile) return this.#compile;
    const byApp = byPackage(this.root);
    const make = byApp ?? byNode();
    this.#compile = { make: make ?? ((file) => { throw cannotRun(file); }), isOfPackage: Boolean(byApp) };
    return this.#compile;
  }

  /** What the output depends on: the source, and how the app compiles. */
  #keyOf(text, isModule) {
    this.#settings ??= read(path.join(this.root, 'tsconfig.json'));
    return createHash('sha1').update(isModule ? 'module' : 'script').update(this.#settings).update('\0').update(text).digest('base64');
  }
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** That a file cannot be run; its stack says why, since there is nothing wrong with a place. */
export function cannotRun(file) {
  const error = new Error(`Node.js ${process.versions.node} cannot run TypeScript: ${path.basename(file)}`);
  error.stack = 'it does not strip types, as 22.18 and newer do, and the app has no package typescript that compiles';
  return error;
}

/** The compiler that the app itself is built with, by its own tsconfig.json. */
function byPackage(root) {
  const ts = appsCompiler(root);
  if (!ts?.transpileModule) return undefined;
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config?.compilerOptions ?? {}, root);
  const compilerOptions = {
    ...options,
    target: ts.ScriptTarget.ES2022,
    moduleResolution: undefined,
    // They would turn the names of sources in maps into those of a build.
    rootDir: undefined,
    rootDirs: undefined,
    outDir: undefined,
    outFile: undefined,
    sourceRoot: undefined,
    mapRoot: undefined,
    verbatimModuleSyntax: undefined,
    noEmit: false,
    declaration: false,
    composite: false,
    incremental: false,
    sourceMap: false,
    inlineSourceMap: true,
    inlineSources: true,
  };
  return (fileName, text, isModule) => {
    const module = isModule ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS;
    const { outputText, diagnostics } = ts.transpileModule(text, {
      fileName,
      compilerOptions: { ...compilerOptions, module },
      reportDiagnostics: true,
    });
    const [wrong] = diagnostics.filter(({ category, file }) => file && category === ts.DiagnosticCategory.Error);
    if (wrong) throw syntaxError(ts, wrong);
    return outputText;
  };
}

function isInstalled(root) {
  try {
    createRequire(path.join(root, 'package.json')).resolve('typescript');
    return true;
  } catch {
    return false;
  }
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
  return (file, text, isModule) => {
    const code = quietly(() => stripped(strip, file, text));
    return isModule ? withoutTypeImports(code) : toCommonJs(code);
  };
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
