import { access, constants, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';

/**
 * Whether all outputs of a command can be written; called before any work, and touches nothing.
 * @param yes files that are there may be overwritten
 * @throws UsageError for the first that cannot: a folder, one that is there, a place that takes no files, one named twice
 */
export async function checkOutputs(paths: readonly string[], yes: boolean | undefined): Promise<void> {
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(resolve(path))) throw new UsageError(`${path}: is named for two outputs; give each its own name`);
    seen.add(resolve(path));
    await checkOutput(path, yes);
  }
}

async function checkOutput(path: string, yes: boolean | undefined): Promise<void> {
  if (path === '' || /[/\\]$/.test(path)) throw new UsageError(`"${path}": is a folder; name a file in it`);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new UsageError(`${path}: cannot be a file (${error.code}); name another`);
  });
  if (found?.isDirectory()) throw new UsageError(`${path}: is a folder; name a file in it`);
  if (found !== undefined && !found.isFile())
    throw new UsageError(`${path}: is no ordinary file (a device, a pipe); name a file`);
  if (found !== undefined && !yes) throw new UsageError(`${path}: already exists; give --yes to overwrite it`);
  await checkFolder(path);
}

/** The folder, or the nearest above it that is there, must take files. */
async function checkFolder(path: string): Promise<void> {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new UsageError(`${path}: ${folder} cannot be reached (${error.code}); name a file elsewhere`);
    });
    if (found === undefined) continue;
    if (!found.isDirectory()) throw new UsageError(`${path}: ${folder} is a file, not a folder; name a file elsewhere`);
    await access(folder, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${path}: ${folder} cannot be written (${error.code}); name a file elsewhere`);
    });
    return;
  }
}

/**
 * Refuses an output that is the model itself, whatever its name, link or case.
 * @param source the model's file or folder
 * @throws UsageError
 */
export async function refuseSource(paths: readonly string[], source: string): Promise<void> {
  const sources = await Promise.all((await sourceFiles(source)).map((file) => stat(file).catch(() => undefined)));
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && sources.some((read) => read?.dev === found.dev && read.ino === found.ino))
      throw new UsageError(`${path}: is the model that is read; name another output`);
  }
}

/** What a model at `path` may be read from: GGUF files of a folder are its source only where it has nothing else. */
async function sourceFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => !name.endsWith('.bitbudget.json'));
  const weights = names.filter((name) => name.endsWith('.safetensors'));
  const read = names.filter((name) => name.endsWith('.json') || (weights.length === 0 && name.endsWith('.gguf')));
  return [...weights, ...read].map((name) => join(path, name));
}

/** Makes the folders of outputs that were checked. */
export async function makeFolders(paths: readonly string[]): Promise<void> {
  for (const path of paths) await mkdir(dirname(resolve(path)), { recursive: true });
}
