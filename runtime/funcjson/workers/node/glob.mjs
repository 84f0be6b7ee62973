// `main` of package.json: a path, or a glob such as `src/{functions,jobs}/*.js`.

import fs from 'node:fs';
import path from 'node:path';

/** The files that `main` names, sorted, without those in node_modules. */
export function expandMain(root, main) {
  const pattern = main.replaceAll('\\', '/').replace(/^\.\//, '');
  const found = matching(root, pattern);
  return found.length > 0 ? found : uncompiled(root, pattern);
}

/** The sources of an app in TypeScript that was not compiled: `dist/src/*.js` is made of `src/*.ts`. */
function uncompiled(root, pattern) {
  const [, inner] = /^[^/]+\/(.*\.js\b.*)$/.exec(pattern) ?? [];
  if (!inner) return [];
  const source = inner.replaceAll('.js', '.ts');
  for (const candidate of [source, `src/${source}`]) {
    const found = matching(root, candidate);
    if (found.length > 0) return found;
  }
  return [];
}

function matching(root, pattern) {
  const exact = path.join(root, pattern);
  if (fs.existsSync(exact) && fs.statSync(exact).isFile()) return [exact];
  if (!isGlob(pattern)) return [];
  const matches = braces(pattern).map(toRegExp);
  const found = fs.readdirSync(root, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !file.startsWith('node_modules/') && !file.endsWith('.d.ts') && matches.some((match) => match.test(file)))
    .sort()
    .map((file) => path.join(root, file));
}

export function isGlob(main) {
  return /[*?[{!(]/.test(main);
}

/** `a{b,c}d` as `abd`, `acd`. */
function braces(pattern) {
  const match = /\{([^{}]*)\}/.exec(pattern);
  if (!match) return [pattern];
  const before = pattern.slice(0, match.index);
  const after = pattern.slice(match.index + match[0].length);
  return match[1].split(',').flatMap((choice) => braces(before + choice + after));
}

const PIECES = [
  [/^\*\*\//, () => '(?:[^/.][^/]*/)*'],
  [/^\*\*/, () => '.*'],
  [/^\*/, () => '[^/]*'],
  [/^\?/, () => '[^/]'],
  [/^\[(!?)([^\]]+)\]/, (_, not, set) => `[${not ? '^' : ''}${set}]`],
  [/^./, (char) => char.replace(/[\\^$.|+()[\]{}]/g, '\\$&')],
];

function toRegExp(pattern) {
  let rest = pattern;
  let source = '';
  while (rest) {
    const [expression, write] = PIECES.find(([candidate]) => candidate.test(rest));
    const match = expression.exec(rest);
    source += write(...match);
    rest = rest.slice(match[0].length);
  }
  return new RegExp(`^${source}$`);
}
