import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../core/errors.ts';

/** The demo model, a Hugging Face folder: in a checkout among the assets, elsewhere a package of its own. */
export const tinyModel = 'tiny';
/** Texts that ship with the package, public domain. */
export const calibrationText = 'text/calibration.txt.gz';
export const evaluationText = 'text/evaluation.txt.gz';

/** Path of a shipped asset. `src/` and `dist/` are both two levels below the package, so one relative path serves. */
export function assetPath(name: string): string {
  return fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
}

/**
 * Folder of the demo model.
 * @throws UsageError where neither a checkout nor its package has it
 */
export function demoModel(): string {
  const folders = [assetPath(tinyModel), fileURLToPath(new URL('../../../bitbudget-tiny', import.meta.url))];
  const found = folders.find((folder) => existsSync(folder));
  if (found !== undefined) return found;
  throw new UsageError('the demo model is not installed; name a model of yours, or install the package bitbudget-tiny');
}
