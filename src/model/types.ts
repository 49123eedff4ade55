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
  /** Blocks that look at positions; default all. [layers] */
  ropeLayers?: readonly boolean[];
  /** q and k are normed, where models of an architecture differ in it. */
  qkNorm?: 'heads' | 'rows';
  /** Blocks behind the last that predict further tokens: they are no layers, and are left out; default none. */
  nextTokenBlocks?: number;
  /** Factor of attention's scores; default 1/√headDim. */
  attentionScale?: number;
  /** Caps of attention's scores and of logits: x becomes c·tanh(x/c). Default none. */
  softcaps?: { readonly attention?: number; readonly logits?: number };
  /** Factors on rows of the embedding, on what a branch adds to the residual stream, and on logits; default 1. */
  scales?: { readonly embedding?: number; readonly residual?: number; readonly logits?: number };
  /** What queries are multiplied with, by position; default nothing. */
  temperature?: Temperature;
  /** Where the feed-forward part of blocks is a mixture of experts. */
  experts?: ExpertsConfig;
  /** Queries and keys are normed per head behind RoPE, without gains; default no. */
  rotatedNorm?: boolean;
  /** Heads of blocks that slide, where the others' have another size. */
  slidingHeads?: { readonly headDim: number; readonly kvHeads: number };
  /** How blocks differ from each other, and from plain ones. */
  blocks?: BlocksConfig;
  /** Where keys and values are one latent vector: then `headDim` is its size, rotated part included, and `kvHeads` is 1. */
  latent?: LatentConfig;
  /** Where the model gives one vector for a text, and no next tokens. */
  embedding?: EmbeddingConfig;
  /** Where some blocks carry a state from token to token in the place of attention. */
  recurrent?: RecurrentConfig;
  /** Blocks that are a feed-forward part and nothing else, where others have none; default: every block has one. [layers] */
  feedForwardLayers?: readonly boolean[];
}

export interface BlocksConfig {
  /** The last so many blocks read keys and values of the last block of their kind before them; default none. */
  readonly sharing?: number;
  /** Blocks that see everything take what their keys are made of as values; default no. */
  readonly keysAreValues?: boolean;
  /** Width of what every block is given of its own for a token; default nothing. */
  readonly inputs?: number;
  /** What a block gives has a factor; default no. */
  readonly outputScale?: boolean;
  /** Feed-forward width of each block, where they differ. [layers] */
  readonly feedForward?: readonly number[];
}

export interface LatentConfig {
  /** Size of the latent part of keys, which values are. */
  readonly rank: number;
  /** Size of what queries are made of; default the residual stream itself. */
  readonly queryRank?: number;
  /** Dimensions of a head's queries that RoPE does not turn, and that it does. */
  readonly plain: number;
  readonly rotated: number;
  /** Dimensions of a head's values behind its own matrix. */
  readonly value: number;
  /** How much of YaRN's magnitude attention's scale has, squared; default YaRN's own, on cos and sin. */
  readonly magnitude?: number;
}

export interface EmbeddingConfig {
  /** How a text's vector comes from its tokens': their mean, the first one's, the last one's. */
  readonly pooling: 'mean' | 'cls' | 'last';
  /** Linear layers behind it, in their order. */
  readonly dense?: readonly { readonly tensor: string; readonly rows: number; readonly columns: number }[];
  /** Rows of the table of token types; default 0. A text by itself is of the first. */
  readonly tokenTypes?: number;
}

export interface RecurrentConfig {
  /** Which blocks carry a state; the others attend. [layers] */
  readonly layers: readonly boolean[];
  /** Tokens that the convolution sees, the newest among them. */
  readonly taps: number;
  /** The convolution has no bias, where such convolutions usually have one. */
  readonly plain?: boolean;
  /** The matrices that heads keep, where there is more than the convolution. */
  readonly heads?: RecurrentHeads;
}

export interface RecurrentHeads {
  readonly count: number;
  /** Heads of queries and keys (Mamba-2: groups of C and B), which divide the others. */
  readonly keys: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

export interface ExpertsConfig {
  readonly count: number;
  /** How many each token gets. */
  readonly used: number;
  /** Width of one expert. */
  readonly feedForward: number;
  /** Width of the expert that every token gets; default none. */
  readonly sharedFeedForward?: number;
  /** A sigmoid of the token scales the shared expert. */
  readonly sharedGate?: boolean;
  /** What makes an expert's weight of its logit: a softmax over all experts, or a sigmoid of each; default softmax. */
  readonly gating?: 'softmax' | 'sigmoid';
  /** Weights of a token's experts are divided by their sum; default no. */
  readonly normalize?: boolean;
  /** What weights are multiplied with in the end; default 1. */
  readonly scale?: number;
  /** The router and the experts' matrices have biases; default no. */
  readonly biases?: boolean;
  /** What an expert gives has a factor of its own; default no. */
  readonly outputScales?: boolean;
  /** A token's weight is on what its experts read, not on what they give; default no. */
  readonly weighsInputs?: boolean;
  /** A bias chooses experts and does not weigh them; default no. */
  readonly selectionBias?: boolean;
  /** Runs of experts; a token's are of the `used` runs whose `best` best have the largest sum. Default one. */
  readonly groups?: { readonly count: number; readonly used: number; readonly best: number };
  /** Blocks that have experts, where others' feed-forward part is dense; default all. [layers] */
  readonly layers?: readonly boolean[];
}

/** 1 + scale · ln(1 + ⌊(position + offset) / length⌋): attention stays as sharp where there is more to see. */
export interface Temperature {
  readonly scale: number;
  /** Positions of one step: the context that the model was first trained for. */
  readonly length: number;
  /** Default 0. */
  readonly offset?: number;
}

/** A linear layer of a block, by GGUF's name of its tensors. */
export type BiasedLayer =
  | 'attn_q'
  | 'attn_k'
  | 'attn_v'
  | 'attn_qkv'
  | 'attn_output'
  | 'ffn_gate'
  | 'ffn_up'
  | 'ffn_down';

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
  /** Pairs by what their positions count (time, height, width), where images have several; text has one position for all. */
  sections?: readonly number[];
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
        /** Bounds of the ramp are no whole dimensions; default they are, as in llama.cpp. */
        unrounded?: true;
        /** What attention's scale has of the stretching, which cos and sin then lack; files of some architectures say it. */
        logMultiplier?: number;
      }
    | {
        /** Divisors of the frequencies, [dimensions/2], of sequences within the original context and of longer ones. */
        type: 'longrope';
        short: readonly number[];
        long: readonly number[];
        originalContext: number;
        /** Factor on cos and sin of both. */
        attentionFactor: number;
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
  /** Of some matrices of a stack, which a network streams (streamed.ts): the tensor, the first of them, and how many it has. */
  readonly stack?: { readonly tensor: string; readonly first: number; readonly experts: number };
  /** Stays float32 whatever is planned: routers. */
  readonly exact?: boolean;
  /** Takes no part in the network and stays as the source has it. */
  readonly kept?: boolean;
  /** Format in the source file (numeric registry name). */
  readonly format: string;
  /** Values as float32, rows [start, end) of a matrix (default all). */
  load(startRow?: number, endRow?: number): Promise<Float32Array>;
  /** Blocks as stored, when `format` is kept and no permutation was needed; undefined otherwise. */
  loadBlocks?(startRow?: number, endRow?: number): Promise<Uint8Array>;
}

/**
 * How edges and states are rounded while a network runs: the option of each by the id of its site (`sites.ts`). Edges that
 * are not named are not rounded, states that are not named are kept in float32.
 */
export type Roundings = ReadonlyMap<string, string>;

/** What is computed and the weights: all that running, measuring, pricing and rounding need. */
export interface Network {
  /** Its weights are called by the tensors' names. */
  readonly graph: Graph;
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** What is rounded while it runs; default nothing. */
  readonly roundings?: Roundings;
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
  /** SHA-256 (hex) over config and tensor data: the key of measurements. Computed on first call, then remembered. */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}
