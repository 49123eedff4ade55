import { FormatError } from '../core/errors.ts';
import type { Graph } from '../graph/types.ts';
import { llama } from './architectures/llama.ts';
import { qwen2 } from './architectures/qwen2.ts';
import { qwen3 } from './architectures/qwen3.ts';
import type { ModelConfig, RopeConfig, TensorRole } from './types.ts';

/** What one architecture of the llama family declares: everything else is shared. */
export interface Architecture {
  /** GGUF's `general.architecture`. */
  readonly name: string;
  /** Values of `architectures` in config.json that are this architecture. */
  readonly huggingFace: readonly string[];
  /** RoPE style of the GGUF layout. Where it is `interleaved`, q and k rows of HF checkpoints are permuted at load. */
  readonly ropeStyle: RopeConfig['style'];
  /** Whether llama.cpp reads `rope_freqs.weight` for it, which carries llama3 scaling. */
  readonly ropeFactors: boolean;
  /** Defaults of config.json where the HF class has its own. */
  readonly defaults: { readonly ropeTheta: number; readonly normEpsilon: number };
  /** Every tensor a model has, in GGUF's order. */
  tensors(config: ModelConfig): TensorSpec[];
  /** The network: weights by the names that `tensors` gives. */
  graph(config: ModelConfig): Graph;
}

/** A tensor that a model must have (or, `optional`, may have). */
export interface TensorSpec {
  readonly name: string;
  readonly role: TensorRole;
  readonly layer: number;
  readonly shape: readonly number[];
  /** Name in HF checkpoints; absent for tensors that exist only in GGUF. */
  readonly huggingFace?: string;
  /** Heads whose rows stand in another order in HF checkpoints (halves) than in GGUF (interleaved). */
  readonly permutedHeads?: number;
  readonly optional?: boolean;
}

const architectures: readonly Architecture[] = [llama, qwen2, qwen3];

/** @throws FormatError listing the known names */
export function architectureByName(name: string, subject: string): Architecture {
  const found = architectures.find((architecture) => architecture.name === name);
  if (found) return found;
  const known = architectures.map((architecture) => architecture.name).join(', ');
  throw new FormatError(`${subject}: architecture ${name} is not supported (known: ${known})`);
}

/** @param names `architectures` of config.json */
export function architectureByHuggingFaceName(names: readonly string[], subject: string): Architecture {
  const found = architectures.find((architecture) => names.some((name) => architecture.huggingFace.includes(name)));
  if (found) return found;
  const known = architectures.flatMap((architecture) => architecture.huggingFace).join(', ');
  throw new FormatError(
    `${subject}: architecture ${names.join(', ') || '(none named)'} is not supported (known: ${known})`,
  );
}
