import { FormatError } from '../../core/errors.ts';
import { familyGraph } from './family.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture, ConfigFields } from './types.ts';
import { qwenWindow } from './windows.ts';

/** Every fourth block does not look at positions; GGUF has no key for it. */
const looks = (layer: number): boolean => (layer + 1) % 4 !== 0;
const looksIn = (layers: number): boolean[] => Array.from({ length: layers }, (_, layer) => looks(layer));

function ropeLayersOf(fields: ConfigFields, layers: number, subject: string): readonly boolean[] {
  const { no_rope_layers: list, no_rope_layer_interval: every = 4 } = fields;
  // The list says with 1 that a block looks.
  const found = Array.from({ length: layers }, (_, layer) =>
    Array.isArray(list) ? Boolean(list[layer]) : (layer + 1) % Number(every) !== 0,
  );
  if (found.some((each, layer) => each !== looks(layer)))
    throw new FormatError(`${subject}: no_rope_layers is not every fourth block, which GGUF cannot say of smollm3`);
  return found;
}

/** SmolLM3: a llama whose every fourth block does not look at positions. */
export const smollm3: Architecture = {
  name: 'smollm3',
  huggingFace: [
    {
      modelType: 'smollm3',
      names: ['SmolLM3ForCausalLM', 'SmolLM3Model'],
      defaults: { contextLength: 32768, kvHeads: 4, ropeBase: 2e6 },
      window: qwenWindow,
      read: (fields, { layers }, subject) => ({ ropeLayers: ropeLayersOf(fields, layers, subject) }),
    },
  ],
  ropeStyle: 'interleaved',
  names: interleavedNames,
  graph: (config) => familyGraph(config),
  readGguf: (_, { layers }) => ({ ropeLayers: looksIn(layers) }),
};
