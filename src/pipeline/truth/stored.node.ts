import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../model/types.ts';
import { assetPath } from '../../text/assets.node.ts';
import { type Truth, truthFromJson } from './truth.ts';

/** The truth that a checkout stores for this model, when there is one; packages hold none. */
export async function storedTruth(model: Model): Promise<Truth | undefined> {
  const fingerprint = await model.fingerprint();
  const folder = assetPath('truth');
  if (!existsSync(folder)) return undefined;
  for (const name of readdirSync(folder).sort()) {
    const truth = truthFromJson(readFileSync(join(folder, name), 'utf8'));
    if (truth.model === fingerprint) return truth;
  }
  return undefined;
}
