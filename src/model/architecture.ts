import { FormatError } from '../core/errors.ts';
import type { Graph } from '../graph/types.ts';
import type { TypedMetadata } from '../text/types.ts';
import { gemma3 } from './architectures/gemma3.ts';
import { llama } from './architectures/llama.ts';
import { qwen2 } from './architectures/qwen2.ts';
import { qwen2moe } from './architectures/qwen2moe.ts';
import { qwen3 } from './architectures/qwen3.ts';
import type { GgufKeys } from './gguf-keys.ts';
import { type TensorNames, tensorSpecs } from './names.ts';
import type { AttentionWindow, ModelConfig, RopeConfig, TensorRole } from './types.ts';

/** What one architecture of the llama family declares: everything else is shared. */
export interface Architecture {
  /** GGUF's `general.architecture`. */
  readonly name: string;
  /** Classes of Transformers that are this architecture. */
  readonly huggingFace: readonly HuggingFaceClass[];
  /** RoPE style of the GGUF layout. Where it is `interleaved`, q and k rows of HF checkpoints are permuted at load. */
  readonly ropeStyle: RopeConfig['style'];
  /** Whether llama.cpp reads `rope_freqs.weight` for it, which carries llama3 scaling. */
  readonly ropeFactors: boolean;
  /** Base of RoPE where a file does not say; default 10000. */
  readonly ropeBase?: number;
  /** Names of the network's weights. */
  readonly names: TensorNames;
  /** The network; weights are called as in GGUF. */
  graph(config: ModelConfig): Graph;
  /** What GGUF says of such models beyond what all have. */
  readGguf?(keys: GgufKeys, config: ModelConfig): Partial<ModelConfig>;
  /** The same, to be written. Keys without `NAME.`. */
  metadata?(config: ModelConfig): Iterable<readonly [string, TypedMetadata]>;
}

/** Fields of a config.json, those of a nested `text_config` included. */
export type ConfigFields = Readonly<Record<string, unknown>>;

/** How a class of Transformers reads config.json. @see transformers, models/NAME/configuration_NAME.py */
export interface HuggingFaceClass {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** Values of `architectures`: the language model, and the model without its head. */
  readonly names: readonly string[];
  /** What absent fields mean. */
  readonly defaults: {
    readonly contextLength: number;
    /** Default: the number of heads. */
    readonly kvHeads?: number;
    /** Default: hidden size ÷ heads. */
    readonly headDim?: number;
    /** Default: 10000. */
    readonly ropeBase?: number;
  };
  /** Fields that give all linear layers of a part biases; others ignore them. */
  readonly biasFields?: { readonly attention: string; readonly feedForward: string };
  /** Names of the activation that are this class's; default silu. */
  readonly activations?: readonly string[];
  /** What fields say beyond what all have. */
  read?(fields: ConfigFields, config: ModelConfig, subject: string): Partial<ModelConfig>;
  /** The sliding window, when the class knows one and the fields do not switch it off. */
  window?(fields: ConfigFields, layers: number): AttentionWindow | undefined;
}

/** A tensor that a model must have (or, `optional`, may have). */
export interface TensorSpec {
  readonly name: string;
  readonly role: TensorRole;
  readonly layer: number;
  readonly shape: readonly number[];
  /** Name in HF checkpoints, `{expert}` where experts stand apart; absent for tensors that exist only in GGUF. */
  readonly huggingFace?: string;
  /** Matrices stacked in it. */
  readonly experts?: number;
  /** What is added to the values of HF checkpoints. */
  readonly addend?: number;
  /** Stays float32 whatever is planned. */
  readonly exact?: boolean;
  /** Heads whose rows stand in another order in HF checkpoints (halves) than in GGUF (interleaved). */
  readonly permutedHeads?: number;
  readonly optional?: boolean;
}

const architectures: readonly Architecture[] = [llama, qwen2, qwen3, gemma3, qwen2moe];

/** @throws FormatError listing the known names */
export function architectureByName(name: string, subject: string): Architecture {
  const found = architectures.find((architecture) => architecture.name === name);
  if (found) return found;
  const known = architectures.map((architecture) => architecture.name).join(', ');
  throw new FormatError(`${subject}: architecture ${name} is not supported (known: ${known})`);
}

/** Every tensor that a model has, in GGUF's order. */
export function tensorsOf(config: ModelConfig): TensorSpec[] {
  const { graph, names, ropeFactors } = architectureByName(config.architecture, 'model');
  const specs = tensorSpecs(graph(config), names, config);
  if (!ropeFactors) return specs;
  const shape = [config.rope.dimensions / 2];
  return [{ name: 'rope_freqs.weight', role: 'rope_freqs', layer: -1, shape, optional: true }, ...specs];
}

/** An architecture and the class of Transformers whose config.json it was found by. */
export interface FoundArchitecture {
  readonly architecture: Architecture;
  readonly hfClass: HuggingFaceClass;
}

/** By `architectures`, else, where that is absent, by `model_type`; undefined when neither is known. */
export function architectureOf({
  architectures: names,
  model_type: type,
}: ConfigFields): FoundArchitecture | undefined {
  const isNamed = Array.isArray(names) && names.length > 0;
  for (const architecture of architectures) {
    const hfClass = architecture.huggingFace.find((each) =>
      isNamed ? names.some((name) => each.names.includes(String(name))) : each.modelType === type,
    );
    if (hfClass) return { architecture, hfClass };
  }
  return undefined;
}

/** Names of the classes that can be read, for messages. */
export function knownClasses(): string {
  return architectures.flatMap(({ huggingFace }) => huggingFace.map(({ names }) => names[0])).join(', ');
}
