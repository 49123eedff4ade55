import type { Graph } from '../../graph/types.ts';
import type { TypedMetadata } from '../../text/types.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import type { AttentionWindow, BiasedLayer, ModelConfig, RopeConfig, TensorRole } from '../types.ts';

/** What one architecture of the llama family declares: everything else is shared. */
export interface Architecture {
  /** GGUF's `general.architecture`. */
  readonly name: string;
  /** Classes of Transformers that are this architecture. */
  readonly huggingFace: readonly HuggingFaceClass[];
  /** RoPE style of the GGUF layout. Where it is `interleaved`, q and k rows of HF checkpoints are permuted at load. */
  readonly ropeStyle: RopeConfig['style'];
  /**
   * Whether llama.cpp reads divisors of RoPE's frequencies for it: `frequencies` (`rope_freqs.weight`, which carries llama3 scaling),
   * `longAndShort` (`rope_factors_long.weight` and `_short`, which carry LongRoPE). Default: neither.
   */
  readonly ropeFactors?: 'frequencies' | 'longAndShort';
  /** Whether llama.cpp reads `rope.scaling.yarn_log_multiplier` for it; default no. */
  readonly yarnMultiplier?: boolean;
  /** Whether llama.cpp keeps to the sliding windows of such models; default no: there every token sees all before it. */
  readonly slidesInLlamaCpp?: boolean;
  /** Keys and values are one vector, whose lengths GGUF gives apart; the architecture reads them itself. */
  readonly latentKeys?: boolean;
  /** Sizes of heads and feed-forward parts may differ between blocks; the architecture reads them itself. */
  readonly sizesByBlock?: boolean;
  /** Base of RoPE where a file does not say; default 10000. */
  readonly ropeBase?: number;
  /** Positions are rows of a table that are added to the tokens'; default RoPE. */
  readonly learnedPositions?: boolean;
  /** Norms take the mean away first; default they do not. */
  readonly layerNorm?: boolean;
  /** A tensor of every checkpoint, by what stands behind `model.`; default the first norm of the first block. */
  readonly anchor?: string;
  /** Tensors of checkpoints that GGUF has no place for: heads of other tasks, buffers. */
  readonly unread?: RegExp;
  /** Names of the network's weights. */
  readonly names: TensorNames;
  /** The network; weights are called as in GGUF. */
  graph(config: ModelConfig): Graph;
  /** What the tensors of a checkpoint say that its config.json does not. */
  withTensors?(config: ModelConfig, tensors: TensorShapes): Partial<ModelConfig>;
  /** The blocks of `config.nextTokenBlocks`, where files keep them; default they are left out. */
  nextTokens?(config: ModelConfig): Graph;
  /** What GGUF says of such models beyond what all have. */
  readGguf?(keys: GgufKeys, config: ModelConfig, tensors: TensorShapes): Partial<ModelConfig>;
  /** The same, to be written. Keys without `NAME.`. */
  metadata?(config: ModelConfig): Iterable<readonly [string, TypedMetadata]>;
}

/** Tensors of a file by name, as far as they tell of the model. */
export type TensorShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

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
    /** Share of a head's dimensions that RoPE turns; default all. */
    readonly ropePartial?: number;
    /** Default: 1e-6. */
    readonly normEpsilon?: number;
    /** Feed-forward width where no field names it. */
    readonly feedForward?: number;
  };
  /** Whether fields are of this class, where several have its name; default yes. */
  accepts?(fields: ConfigFields): boolean;
  /** The fields under the names that most classes use, where this one uses others. */
  canonical?(fields: ConfigFields): ConfigFields;
  /** Fields that give linear layers biases, and which; others ignore them. */
  readonly biasFields?: Readonly<Record<string, readonly BiasedLayer[]>>;
  /** Names of the activation that are this class's; default silu. */
  readonly activations?: readonly string[];
  /** What fields say beyond what all have. */
  read?(fields: ConfigFields, config: ModelConfig, subject: string): Partial<ModelConfig>;
  /** The sliding window, when the class knows one and the fields do not switch it off. */
  window?(fields: ConfigFields, layers: number): AttentionWindow | undefined;
}

/**
 * How a tensor of a Hugging Face checkpoint becomes one of GGUF's, read some rows at a time. Rows of a vector are its
 * values.
 */
export interface Conversion {
  /** Row there that is a row here; default the same. */
  readonly row?: (row: number) => number;
  /** Rows there, where it holds those of other tensors too. */
  readonly rows?: number;
  /** Shape there, where the same values in the same order have another. */
  readonly shape?: readonly number[];
  /** Column there that is a column here; default the same. */
  readonly column?: (column: number) => number;
  /** What becomes of a value; default nothing. */
  readonly value?: (value: number) => number;
}

/** A tensor that a model must have (or, `optional`, may have). */
export interface TensorSpec {
  readonly name: string;
  readonly role: TensorRole;
  readonly layer: number;
  readonly shape: readonly number[];
  /** Where it may stand in HF checkpoints, the layer named; none for tensors that exist only in GGUF. */
  readonly huggingFace: readonly TensorSource[];
  /** Where it may stand in GGUF beside its own name. */
  readonly gguf: readonly TensorSource[];
  /** Matrices stacked in it. */
  readonly experts?: number;
  /** What is added to the values of HF checkpoints. */
  readonly addend?: number;
  /** Stays float32 whatever is planned. */
  readonly exact?: boolean;
  /** Stays as the source has it, outside the network. */
  readonly kept?: boolean;
  /** Heads whose rows stand in another order in HF checkpoints (halves) than in GGUF (interleaved). */
  readonly permutedHeads?: number;
  /** HF checkpoints have its columns as rows. */
  readonly transposed?: boolean;
  /** How else it differs there. */
  readonly conversion?: Conversion;
  readonly optional?: boolean;
}

/** Where a tensor's values stand in a file. */
export interface TensorSource {
  /**
   * `{layer}` for the block; with `{expert}` the experts' matrices stand apart and are stacked. In HF checkpoints `model.` stands
   * for whatever is before the layers.
   */
  readonly name: string;
  /**
   * Which of several matrices, whose rows follow each other in the tensor of that name (in each expert's, where there are), or
   * take turns. Both count matrices of this size, and need not be whole where others are larger or smaller.
   */
  readonly part?: { readonly index: number; readonly of: number; readonly interleaved?: true };
  /** Columns of every matrix are rows there. */
  readonly transposed?: true;
  /** A tensor of old GGUF files that is stored as HF checkpoints have it: what is said of those is true of it. */
  readonly asInCheckpoints?: true;
}

/** How a tensor of GGUF's layout is found in a Hugging Face checkpoint. */
export interface TensorName {
  /** Where it stands there: a name, or several that versions of Transformers wrote, the first found counts. */
  readonly huggingFace?: string | readonly (string | TensorSource)[];
  /** Where else it may stand in GGUF files, with `blk.{layer}.` and `.weight`. */
  readonly gguf?: readonly (string | TensorSource)[];
  /** Heads whose rows stand in another order there (pairs i, i + d/2) than in GGUF (pairs 2i, 2i + 1). */
  readonly permutedHeads?: 'heads' | 'kvHeads';
  /** Its columns are rows there. */
  readonly transposed?: boolean;
  /** How else it differs there. */
  readonly convert?: (config: ModelConfig) => Conversion;
  /** What GGUF's values have more: 1 for gains that are stored as their distance from 1. */
  readonly addend?: number;
  /** Stays float32 whatever is planned, as llama-quantize leaves it: routers. */
  readonly exact?: boolean;
  readonly optional?: boolean;
}

/** Names by GGUF's own, `blk.N.` and `.weight` left out: `attn_q`, `attn_q.bias`. */
export type TensorNames = Readonly<Record<string, TensorName | string>>;
