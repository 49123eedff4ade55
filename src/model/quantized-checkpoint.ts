import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { ConfigFields } from './architectures/types.ts';
import { textFields } from './config-fields.ts';
import { hasMxfp4 } from './mxfp4.ts';

/** How tensors of quantized checkpoints are called. The first that matches names the kind. */
const KINDS: readonly (readonly [kind: string, name: RegExp])[] = [
  ['GPTQ', /\.g_idx$/],
  ['AWQ or GPTQ', /\.(?:qweight|qzeros)$/],
  ['compressed-tensors', /\.(?:weight_packed|weight_global_scale)$/],
  ['8-bit bitsandbytes', /\.(?:SCB|weight_format)$/],
  ['4-bit bitsandbytes', /\.(?:absmax|quant_map|nested_absmax)$|\.quant_state\.bitsandbytes__/],
  ['FP8 or INT8 with scales', /\.(?:weight_scale(?:_inv)?|input_scale|weight_zero_point)$/],
  ['HQQ', /\.W_q$/],
  ['Quanto', /\.(?:_data|_scale)$/],
  // Affine codes in 32-bit words; elsewhere such names may be anything.
  ['MLX', /\.scales$/],
];

/** Number types of safetensors that hold codes, not weights. */
const CODES = /^(?:BOOL|[IU]\d+|F4|F6_.*|F8_E8M0)$/;

/**
 * @param baseModel what the checkpoint was made of, where something says it
 * MXFP4 of experts is read as it is, see mxfp4.ts.
 * @throws FormatError naming the kind and the original to ask for, when weights are codes with scales beside them
 */
export function refuseQuantized(file: TensorFile, config: ConfigFields, baseModel?: string): void {
  const said = quantizationOf(config);
  if (said === 'mxfp4' && hasMxfp4(file)) return;
  const ask = `give the original${baseModel === undefined ? '' : `, ${baseModel}`}`;
  const kind = kindOf(file);
  if (kind !== undefined) {
    const what = said === undefined || kind.toLowerCase().includes(said.toLowerCase()) ? kind : `${said}: ${kind}`;
    throw new FormatError(`model: the checkpoint is already quantized (${what}) and such weights are not read; ${ask}`);
  }
  if (said !== undefined) {
    throw new FormatError(
      `config.json: has a quantization_config (${said}), but all weights are plain ${plainTypes(file)}; ` +
        `take that entry out of config.json to read them, or ${ask}`,
    );
  }
}

/** The kind by the names of tensors, else by weights that are no floats; undefined for plain weights. */
function kindOf({ tensors }: TensorFile): string | undefined {
  const names = [...tensors.keys()];
  const known = KINDS.find(([, pattern]) => names.some((name) => pattern.test(name)));
  if (known !== undefined) return known[0];
  const codes = [...tensors.values()].find(
    ({ name, format, shape }) => name.endsWith('.weight') && shape.length > 1 && CODES.test(format),
  );
  return codes && `${codes.name} holds ${codes.format}`;
}

/** What config.json says: the method's name. MLX writes `quantization`. */
function quantizationOf(config: ConfigFields): string | undefined {
  const inner = textFields(config) ?? {};
  const keys = ['quantization_config', 'quantization', 'compression_config'];
  const entry = keys.flatMap((key) => [config[key], inner[key]]).find((value) => value !== undefined && value !== null);
  if (typeof entry !== 'object') return undefined;
  const { quant_method: method } = entry as ConfigFields;
  if (typeof method === 'string') return method;
  return config['quantization'] === undefined ? 'of an unnamed method' : 'MLX';
}

function plainTypes({ tensors }: TensorFile): string {
  return [...new Set([...tensors.values()].map(({ format }) => format))].join(' and ');
}
