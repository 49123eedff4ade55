import { fileURLToPath } from 'node:url';

/** The model that ships with the package: a Hugging Face folder. */
export const tinyModel = 'tiny';
/** Texts that ship with the package, public domain. */
export const calibrationText = 'text/calibration.txt.gz';
export const evaluationText = 'text/evaluation.txt.gz';

/** Path of a shipped asset. `src/` and `dist/` are both two levels below the package, so one relative path serves. */
export function assetPath(name: string): string {
  return fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
}
