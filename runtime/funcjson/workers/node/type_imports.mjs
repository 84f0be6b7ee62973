// An ES module's text without the imports that were types: TypeScript takes out what is not used, and Node's own stripping does not.

import { edited, moduleStatements, namesInUse } from './module_statements.mjs';

export function withoutTypeImports(code) {
  const { statements, uses } = moduleStatements(code);
  const inUse = namesInUse(statements, uses);
  const edits = statements.flatMap(({ kind, names, isForEffect, at, end, fromAt }) => {
    if (kind !== 'names' && (kind !== 'import' || isForEffect)) return [];
    const used = names.filter(([name, local]) => (kind === 'names' ? inUse.exported.has(name) : inUse.imported.has(local)));
    if (used.length === names.length) return [];
    if (kind === 'names') return [{ at, end, text: `export ${list(used)};` }];
    // What stands before it may lack its semicolon.
    return [{ at, end: used.length > 0 ? fromAt : end, text: used.length > 0 ? `import ${clause(used)} from ` : ';' }];
  });
  return edited(code, edits);
}

/** `a, * as b` or `a, {b as c}`. */
function clause(names) {
  const isDefault = ([name]) => name === 'default';
  const members = names.filter(([name]) => name !== 'default' && name !== '*');
  const parts = [
    ...names.filter(isDefault).map(([, local]) => local),
    ...names.filter(([name]) => name === '*').map(([, local]) => `* as ${local}`),
    ...(members.length > 0 ? [list(members)] : []),
  ];
  return parts.join(', ');
}

function list(names) {
  return `{ ${names.map(([name, as]) => `${written(name)} as ${written(as)}`).join(', ')} }`;
}

const written = (name) => (/^[\p{ID_Start}$_\\][\p{ID_Continue}$\\{}]*$/u.test(name) ? name : JSON.stringify(name));
