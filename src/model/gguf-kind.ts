import type { MetadataValue, TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { baseModelOfGguf } from './base-model.ts';

type Metadata = ReadonlyMap<string, MetadataValue>;

/** GGUF files that go with models, by `general.type` or `general.architecture`. */
const COMPANIONS: readonly (readonly [kinds: readonly string[], what: string, todo: string])[] = [
  [['adapter'], 'a LoRA adapter, which is no model by itself', 'give its base model, or merge it into that first'],
  [
    ['mmproj', 'clip'],
    'a projector (mmproj), which gives a model eyes or ears and is none by itself',
    'give the model’s own .gguf file',
  ],
  [['imatrix'], 'an importance matrix, which was measured on a model', 'give the model itself'],
  [['controlvector'], 'a control vector, which steers a model', 'give the model itself'],
];

/**
 * @param subject the file's name
 * @throws FormatError when the file is of a kind that goes with models, or holds no weights
 */
export function refuseCompanions(subject: string, { metadata, tensors }: TensorFile): void {
  const kinds = ['general.type', 'general.architecture'].map((key) => metadata.get(key));
  const found = COMPANIONS.find(([names]) => kinds.some((kind) => typeof kind === 'string' && names.includes(kind)));
  if (found !== undefined) {
    const [, what, todo] = found;
    throw new FormatError(`${subject}: is ${what}; ${todo}${named(metadata)}`);
  }
  if (tensors.size === 0)
    throw new FormatError(`${subject}: holds a vocabulary and no weights; give a .gguf file that has them`);
}

function named(metadata: Metadata): string {
  const base = baseModelOfGguf(metadata) ?? metadata.get('general.base_model.0.name');
  return typeof base === 'string' ? ` (${base})` : '';
}
