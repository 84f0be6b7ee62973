// Whether a file is an ES module, by Node's own rule.

import fs from 'node:fs';
import path from 'node:path';

export function isEsModule(file) {
  const extension = path.extname(file);
  if (extension === '.mjs' || extension === '.mts') return true;
  if (extension === '.cjs' || extension === '.cts') return false;
  return packageType(path.dirname(file)) === 'module';
}

/** `type` of the nearest package.json. */
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
