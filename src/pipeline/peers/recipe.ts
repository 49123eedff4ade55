import type { BitPlan } from '../../allocate/types.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { fitsRows, format } from '../../numeric/table.ts';
import { matrices } from '../../quantize/sensitivity.ts';

/** Which types a named file of llama-quantize is made of. */
export interface Recipe {
  readonly name: string;
  typeOf(tensor: ModelTensor, model: Model): string;
}

/**
 * The recipes that people compare with.
 * @see llama.cpp src/llama-quant.cpp, `llama_tensor_get_type_impl`
 */
export const RECIPES: readonly Recipe[] = [
  {
    name: 'Q4_K_M',
    typeOf: ({ role, layer }, { config }) => {
      if (role === 'output' || (role === 'token_embd' && config.tied)) return 'Q6_K';
      const isGenerous = role === 'attn_v' || role.startsWith('ffn_down');
      return isGenerous && getsMoreBits(layer, config.layers) ? 'Q6_K' : 'Q4_K';
    },
  },
  { name: 'Q8_0', typeOf: () => 'Q8_0' },
];

/** The first and last eighth of the blocks, and every third between them. */
function getsMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** What llama-quantize takes for rows that do not fill blocks of 256. */
const FALLBACK: Readonly<Record<string, string>> = { Q4_K: 'Q5_0', Q6_K: 'Q8_0' };

/** The file that llama-quantize makes by a recipe, as a plan. */
export function recipePlan(model: Model, recipe: Recipe): BitPlan {
  const stored = (tensor: ModelTensor): string => {
    const wanted = recipe.typeOf(tensor, model);
    const name = fitsRows(format(wanted), tensor.shape[1]) ? wanted : (FALLBACK[wanted] ?? wanted);
    return fitsRows(format(name), tensor.shape[1]) ? name : 'F16';
  };
  const sites = Object.fromEntries(matrices(model).map((tensor) => [tensor.name, stored(tensor)]));
  return { version: 2, rounding: 'llama-quantize', sites };
}
