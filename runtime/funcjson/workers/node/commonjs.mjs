// An ES module's text as CommonJS, for TypeScript whose types were stripped: what TypeScript itself makes of `import` and `export`.
// Lines stay where they are. Imports of which no name is used in the code were types, and go.
//
// Imported names are those of a `with` object, whose getters read the exporter each time. So they show what it has now, modules may
// import each other, and a variable of the same name hides an import where JavaScript says so. A look-up of a name that the file
// does not declare costs about 60 ns more for it.

import { edited, moduleStatements, namesInUse } from './module_statements.mjs';

const MODULES = 'funcjson$modules';
const DEFAULT = 'funcjson$default';
const IMPORT = 'funcjson$import';
// TypeScript's own name for a default export without one.
const NAMELESS = 'default_1';

// Functions are there from the start, so they can stand at the end, where they move nothing.
const HELPERS = {
  // A module that was no ES module is its own default export.
  [DEFAULT]: `function ${DEFAULT}(m) { return m && m.__esModule ? m.default : m; }`,
  [IMPORT]:
    `async function ${IMPORT}(name, options) { ` +
    'if (!/^\\.{1,2}\\//.test(name) || /\\.m[jt]s$/.test(name)) return import(name, options); ' +
    'const m = require(name); return m && m.__esModule ? m : { ...m, default: m }; }',
};

/** The text as CommonJS; a text without imports and exports comes back as it is. */
export function toCommonJs(code) {
  const { statements, dynamic, uses } = moduleStatements(code);
  const edits = dynamic.map((at) => ({ at, end: at + 'import'.length, text: IMPORT }));
  const helpers = Object.keys(HELPERS).filter((name) => (name === IMPORT ? dynamic : statements).length > 0);
  const after = helpers.map((name) => `\n${HELPERS[name]}`).join('');
  if (statements.length === 0) return edited(code, edits) + after;
  const module = new Conversion(statements, uses);
  if (code.startsWith('#!')) edits.push({ at: 0, end: 2, text: '//' });
  return module.before + edited(code, [...edits, ...module.edits]) + module.after + after;
}

/** What becomes of the statements, and what stands around the code. */
class Conversion {
  edits = [];
  #imports = [];
  #exports = [];
  #modules = 0;
  #inUse;

  constructor(statements, uses) {
    this.#inUse = namesInUse(statements, uses);
    for (const each of statements) this.edits.push({ at: each.at, end: each.end, text: this[each.kind](each) });
  }

  get before() {
    const exported = this.#exports.map(([name, value]) => `${quoted(name)}: { enumerable: true, get: () => ${value} }`);
    const imported = this.#imports.map(([name, value]) => `get ${name}() { return ${value}; }`);
    const scope = imported.length > 0 ? `with ({ __proto__: null, ${imported.join(', ')} }) ` : '';
    return (
      `const ${MODULES} = []; Object.defineProperty(exports, "__esModule", { value: true }); ${scope}` +
      `(function () { "use strict"; Object.defineProperties(exports, { ${exported.join(', ')} }); `
    );
  }

  get after() {
    return '\n})();';
  }

  import({ names, isForEffect, from }) {
    const used = names.filter(([, local]) => this.#inUse.imported.has(local));
    // A semicolon: what stands before it may lack its own.
    if (used.length === 0 && !isForEffect) return ';';
    const { module, text } = this.#load(from);
    for (const [name, local] of used) this.#imports.push([local, memberOf(module, name)]);
    return text;
  }

  reexport({ names, from }) {
    const { module, text } = this.#load(from);
    const isAll = ([name, exported]) => name === '*' && exported === undefined;
    for (const [name, exported] of names.filter((each) => !isAll(each))) {
      this.#exports.push([exported, `${module} && ${memberOf(module, name)}`]);
    }
    if (!names.some(isAll)) return text;
    const isNew = "k !== 'default' && !(k in exports)";
    return `${text} for (const k of Object.keys(${module})) if (${isNew}) Object.defineProperty(exports, k, { enumerable: true, get: () => ${module}[k] });`;
  }

  /** What is named nowhere else was a type. */
  names({ names }) {
    const values = names.filter(([local]) => this.#inUse.exported.has(local));
    this.#exports.push(...values.map(([local, exported]) => [exported, local]));
    return ';';
  }

  declaration({ names }) {
    this.#exports.push(...names);
    return '';
  }

  default({ name, nameAt }) {
    if (!name && !nameAt) return 'exports.default =';
    if (nameAt) this.edits.push({ at: nameAt, end: nameAt, text: ` ${NAMELESS}` });
    this.#exports.push(['default', name ?? NAMELESS]);
    return '';
  }

  #load(from) {
    const module = `${MODULES}[${this.#modules++}]`;
    return { module, text: `${module} = require(${from});` };
  }
}

function memberOf(module, name) {
  if (name === '*') return module;
  return name === 'default' ? `${DEFAULT}(${module})` : `${module}[${quoted(name)}]`;
}

const quoted = (text) => JSON.stringify(text);
