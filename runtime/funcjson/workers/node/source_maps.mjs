// Places in the source of code that a build made, by the source map beside it. A map is read when a place is asked for, so that
// it costs nothing at a start; Node's own support would read the maps of everything that is loaded.

import fs from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { parse } = JSON;
const COMMENT = /^\/\/[#@] ?sourceMappingURL=(\S+)\s*$/gm;
const INLINE = /^data:application\/json[^,]*;base64,(.*)$/;
const maps = new Map();

/** Where the source of a place is that a stack names, `{file, line, column}`; undefined when nothing tells. */
export function sourceOf(file, line, column) {
  if (!maps.has(file)) maps.set(file, read(file));
  const map = maps.get(file);
  const entry = map?.table.findEntry(line - 1, column - 1);
  const source = entry?.originalSource && map.fileOf(entry.originalSource);
  return source && { file: source, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

function read(file) {
  try {
    const url = [...fs.readFileSync(file, 'utf8').matchAll(COMMENT)].at(-1)?.[1];
    if (!url) return undefined;
    const inline = INLINE.exec(url)?.[1];
    const beside = path.resolve(path.dirname(file), decodeURI(url));
    const text = inline ? Buffer.from(inline, 'base64').toString('utf8') : fs.readFileSync(beside, 'utf8');
    const payload = parse(text);
    const folder = path.resolve(path.dirname(inline ? file : beside), payload.sourceRoot ?? '');
    return { table: new SourceMap({ ...payload, sourceRoot: undefined }), fileOf: finder(folder) };
  } catch {
    return undefined;
  }
}

/** From the name of a source to its file; undefined where there is none. */
function finder(folder) {
  const found = new Map();
  return (name) => {
    if (!found.has(name)) found.set(name, candidates(folder, name).find((each) => fs.existsSync(each)));
    return found.get(name);
  };
}

function candidates(folder, name) {
  if (name.startsWith('file:')) return [fileURLToPath(name)];
  // Bundlers name a source by its path from the folder of the project, which is the app's or one above it.
  const [, bundled] = /^[\w-]+:\/\/[^/]*\/(.*)$/.exec(name) ?? [];
  if (bundled === undefined) return [path.resolve(folder, name)];
  return [...above(process.cwd())].map((each) => path.join(each, bundled));
}

function* above(folder) {
  yield folder;
  if (folder !== path.dirname(folder)) yield* above(path.dirname(folder));
}
