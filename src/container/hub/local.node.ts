import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import type { HubModelId } from './model-id.ts';

/** Endings of files: no repository of a model is called so. */
const FILE_ENDING = /\.(?:gguf|safetensors|json|jsonl|bin|pth?|onnx|txt)$/i;

/**
 * Whether a name that is no file here was meant as one: it ends like a file, starts like a path, or its first folder
 * is here.
 */
export async function isPathLike(name: string): Promise<boolean> {
  if (FILE_ENDING.test(name) || /^[.~/\\]/.test(name)) return true;
  const [first] = name.split('/');
  return (await stat(first).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * What to say of a path that is not there: where it ends, and which name there is most like it.
 * @param id what it would be as a model of the hub
 */
export async function mistypedPath(name: string, id?: HubModelId): Promise<UsageError> {
  const hub =
    id === undefined ? 'models of the hub are written hf:user/repo' : `for the model of the hub write hf:${name}`;
  if (name.startsWith('~')) return new UsageError(`${name}: no such file or folder; write your home folder out`);
  // The first part of the path that is not there, and the folder that it should be in.
  let missing = name.replace(/[/\\]+$/, '');
  while (dirname(missing) !== missing && (await entriesOf(dirname(missing))) === undefined) missing = dirname(missing);
  const parent = dirname(missing);
  const similar = mostAlike(basename(missing), (await entriesOf(parent)) ?? []);
  const meant = similar === undefined ? '' : `; did you mean ${join(parent, similar)}?`;
  const where = missing === name ? '' : ` (${missing} is not there)`;
  return new UsageError(`${name}: no such file or folder${where}${meant || `; check the path, or ${hub}`}`);
}

async function entriesOf(folder: string): Promise<string[] | undefined> {
  return readdir(folder).catch(() => undefined);
}

/** The name with the fewest edits, when these are few for its length. */
function mostAlike(name: string, names: readonly string[]): string | undefined {
  const scored = names.map((other) => ({ other, edits: editDistance(name.toLowerCase(), other.toLowerCase()) }));
  const best = scored.sort((a, b) => a.edits - b.edits || (a.other < b.other ? -1 : 1))[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(name.length / 3)) ? best.other : undefined;
}

/** Insertions, deletions and replacements that make one text of the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
