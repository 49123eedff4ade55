import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Model } from '../../model/types.ts';
import type { FileFacts } from '../../pipeline/plan/notes.ts';
import { assetPath, calibrationText } from '../../text/assets.node.ts';
import { hubRepository, shortName } from './name.ts';

/**
 * What a file is to tell of where it comes from.
 * @param argument the model as it was named
 * @param path where it lies
 * @param calibration files measured on, default the package's own
 */
export async function fileFacts(
  model: Model,
  argument: string,
  path: string,
  calibration: readonly string[] = [assetPath(calibrationText)],
): Promise<FileFacts> {
  return {
    baseModel: hubRepository(argument) ?? model.config.name ?? shortName(argument),
    license: await licenseOf(model, path),
    calibration: await digestOf(calibration),
  };
}

/** As the model's metadata say it, else its card. */
async function licenseOf(model: Model, path: string): Promise<string | undefined> {
  const own = model.metadata.get('general.license')?.value;
  if (typeof own === 'string' && own !== '') return own;
  const folder = /\.(gguf|safetensors)$/i.test(path) ? dirname(path) : path;
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const header = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1] ?? '';
  return /^license:\s*["']?([\w.-]+)/m.exec(header)?.[1];
}

/** Files that cannot be read are told of by who reads their text. */
async function digestOf(files: readonly string[]): Promise<FileFacts['calibration']> {
  const hash = createHash('sha256');
  try {
    for (const file of files) hash.update(await readFile(file));
  } catch {
    return undefined;
  }
  return { name: files.map((file) => basename(file)).join(', '), sha256: hash.digest('hex') };
}
