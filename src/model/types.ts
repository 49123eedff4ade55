import type { Graph } from '../graph/types.ts';
import type { Tokenizer, TypedMetadata } from '../text/types.ts';

/**
 * What a tensor does in the network: GGUF's name without block and `.weight` (`attn_q`, `attn_q_bias`). Grouping and reports
 * speak of roles; what feeds what is told by the graph.
 */
export type TensorRole = string;

/** Hyper-parameters of a decoder, whatever file they came from. */
export interface ModelConfig {
  /** GGUF's name of the architecture. */
  architecture: string;
  name?: string;
  layers: number;
  /** d_model */
  hidden: number;
  /** Feed-forward width. */
  feedForward: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  contextLength: number;
  normEpsilon: number;
  rope: RopeConfig;
  /** Output head shares the token embedding. */
  tied: boolean;
  /** Linear layers of a block that have biases although the architecture does not ask for them; default none. */
  biases?: readonly BiasedLayer[];
  /** Shorter than the context; absent where every token sees all before it. */
  window?: AttentionWindow;
  /** RoPE of the blocks that slide, where it differs from the others'. */
  slidingRope?: RopeConfig;
  /** Factor of attention's scores; default 1/√headDim. */
  attentionScale?: number;
  /** Where every block's feed-forward part is a mixture of experts. */
  experts?: ExpertsConfig;
}

export interface ExpertsConfig {
  readonly count: number;
  /** How many each token gets. */
  readonly used: number;
  /** Width of one expert. */
  readonly feedForward: number;
  /** Width of the expert that every token gets. */
  readonly sharedFeedForward?: number;
}

/** A linear layer of a block, by GGUF's name of its tensors. */
export type BiasedLayer = 'attn_q' | 'attn_k' | 'attn_v' | 'attn_output' | 'ffn_gate' | 'ffn_up' | 'ffn_down';

/** Sliding windows: token i of a block sees token j where 0 ≤ i − j < tokens. */
export interface AttentionWindow {
  readonly tokens: number;
  /** Which blocks slide; the others see everything. [layers] */
  readonly layers: readonly boolean[];
}

export interface RopeConfig {
  theta: number;
  /** Number of leading dimensions of each head that are rotated. */
  dimensions: number;
  /** `interleaved`: pairs (2i, 2i+1), GGUF llama. `halves`: pairs (i, i+d/2), NEOX: qwen. */
  style: 'interleaved' | 'halves';
  scaling?:
    | { type: 'linear'; factor: number }
    | {
        type: 'llama3';
        factor: number;
        lowFrequencyFactor: number;
        highFrequencyFactor: number;
        originalContext: number;
      }
    | {
        type: 'yarn';
        factor: number;
        originalContext: number;
        attentionFactor?: number;
        betaFast: number;
        betaSlow: number;
      };
  /** Per-pair divisors of the frequencies ([dimensions/2], GGUF `rope_freqs.weight`), when the file carries them. */
  frequencyFactors?: Float32Array;
}

/** One tensor of a model, in GGUF's layout (for HF llama: q and k rows already permuted to interleaved RoPE). */
export interface ModelTensor {
  /** GGUF name: `blk.3.attn_q.weight`. */
  readonly name: string;
  readonly role: TensorRole;
  /** Block number, or -1 outside blocks. */
  readonly layer: number;
  /** [rows, columns] for matrices, [n] for vectors; of stacked experts the rows of all, one expert after the other. */
  readonly shape: readonly number[];
  /** Matrices stacked in it; files may hold them with a dimension of their own. */
  readonly experts?: number;
  /** Stays float32 whatever is planned: routers. */
  readonly exact?: boolean;
  /** Format in the source file (numeric registry name). */
  readonly format: string;
  /** Values as float32, rows [start, end) of a matrix (default all). */
  load(startRow?: number, endRow?: number): Promise<Float32Array>;
  /** Blocks as stored, when `format` is kept and no permutation was needed; undefined otherwise. */
  loadBlocks?(startRow?: number, endRow?: number): Promise<Uint8Array>;
}

/** Number formats that states are kept in, attention's keys (after RoPE) and values, by the state's name; default float32. */
export type CacheFormats = ReadonlyMap<string, string>;

/** What is computed and the weights: all that running, measuring, pricing and rounding need. */
export interface Network {
  /** Its weights are called by the tensors' names. */
  readonly graph: Graph;
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** How states are to be kept; default float32 everywhere. */
  readonly cache?: CacheFormats;
  /** Bits that the inputs of a matrix are rounded to before the product, by its name; default none. */
  readonly activations?: ReadonlyMap<string, number>;
  /** SHA-256 (hex) over network and tensor data: the key of measurements. */
  fingerprint(): Promise<string>;
}

/** A language model: a network with what turns text into its inputs. */
export interface Model extends Network {
  readonly config: ModelConfig;
  /** By GGUF name, in GGUF's usual order (token_embd, blocks, output_norm, output). Tied models have no `output.weight`. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  readonly tokenizer: Tokenizer;
  /** Model metadata for a GGUF writer (general.*, architecture keys, tokenizer.*), as llama.cpp's converter would write it. */
  readonly metadata: ReadonlyMap<string, TypedMetadata>;
  /** The model that this one was made of, a hub's repository, where the files say it. */
  readonly baseModel?: string;
  /** `user/repo` of the hub, where it was fetched from there. */
  readonly repository?: string;
  /** As the files say it: `apache-2.0`. */
  readonly license?: string;
  /** What a user should know of the files as they were read, a line each; default nothing. */
  readonly remarks?: readonly string[];
  /** How the KV cache is to be kept; default float32 everywhere. */
  readonly cache?: CacheFormats;
  /** Bits that the inputs of a matrix are rounded to before the product, by its name; default none. */
  readonly activations?: ReadonlyMap<string, number>;
  /** SHA-256 (hex) over config and tensor data: the key of measurements. Computed on first call, then remembered. */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}
