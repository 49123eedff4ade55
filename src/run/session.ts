import { UsageError } from '../core/errors.ts';
import { checkpoint } from '../core/progress.ts';
import { inputNamed, segment, segmentCount, segmentReading } from '../graph/segments.ts';
import { replacedStates } from '../graph/states.ts';
import type { Graph, Target, ValueId } from '../graph/types.ts';
import type { Device } from '../kernels/device.ts';
import type { Sizes } from '../kernels/program.ts';
import type { Model } from '../model/types.ts';
import { SharedMemory } from './memory.ts';
import { loadWeights, RunningProgram } from './program.ts';
import { Snapshots } from './snapshots.ts';
import { streamTarget } from './target.ts';

/** Tokens of a prompt that run together: enough to reuse every weight, small enough for the scratch memory. */
export const promptChunk = 128;

/** A model in memory with a KV cache: the executor of decoding. */
export interface Session {
  /** Tokens that the cache can hold. */
  readonly contextLength: number;
  /** Tokens in the cache. */
  readonly position: number;
  /** Appends tokens. Returns the logits [vocabulary] after the last one; they are valid until the next call. */
  prefill(tokens: ArrayLike<number>, options?: { signal?: AbortSignal }): Promise<Float32Array>;
  /** Appends one token. Returns the next logits [vocabulary]; they are valid until the next call. */
  decode(token: number): Promise<Float32Array>;
  /** Appends tokens. Returns a copy of the logits after each, [tokens, vocabulary]. */
  allLogits(tokens: ArrayLike<number>): Promise<Float32Array>;
  /**
   * Forgets everything from `position` on. Blocks with recurrent states read the tokens before it again, unless the session
   * was rewound to that position before.
   */
  rewind(position: number): void;
  close(): void;
}

export interface SessionOptions {
  /** Default the model's own, at most 4096. */
  readonly contextLength?: number;
  /** All matrices as float32: no rounding of activations. */
  readonly exact?: boolean;
  /** Tokens that count as read, with keys and values of zero: for measuring speed at a context. */
  readonly past?: number;
}

/**
 * Loads a whole model for decoding. Matrices stay in their packed format where the device computes from it (activations
 * are then rounded to int8, as in llama.cpp), and become float32 elsewhere. Keys and values are kept as `model.cache`
 * says, inputs of matrices rounded as `model.activations` says.
 */
export async function createSession(device: Device, model: Model, options: SessionOptions = {}): Promise<Session> {
  const contextLength = options.contextLength ?? Math.min(model.config.contextLength, 4096);
  const target = streamTarget(model, device, options.exact ?? false);
  const memory = new SharedMemory(device);
  try {
    await loadWeights(memory, model, model.graph, target);
    return new CachedSession(memory, model, target, contextLength, options.past ?? 0);
  } catch (error) {
    memory.close();
    throw error;
  }
}

/** The parts of a network that are run at different rates: everything for all tokens, the head for some. */
export interface DecodingParts {
  readonly body: Graph;
  readonly head: Graph;
  /** What the head reads of the body: [tokens, hidden]. */
  readonly between: ValueId;
  readonly logits: ValueId;
}

/** Cuts a network where it begins to work on wanted rows alone. */
export function decodingParts(graph: Graph): DecodingParts {
  const start = segmentReading(graph, 'wanted');
  const body = segment(graph, 0, start);
  return {
    body,
    head: segment(graph, start, segmentCount(graph)),
    between: body.outputs[0],
    logits: graph.outputs[0],
  };
}

/** Sizes of the head for one row out of `tokens`. */
export const headSizes = (tokens: number): Sizes => ({ tokens, wanted: 1 });

class CachedSession implements Session {
  readonly contextLength: number;
  #position: number;
  readonly #model: Model;
  readonly #memory: SharedMemory;
  readonly #target: Target;
  readonly #parts: DecodingParts;
  readonly #logits: Float32Array;
  /** For one token: open as long as the session. */
  readonly #single: Decoder;
  /** Of states that tokens replace; undefined where there are none. */
  readonly #snapshots: Snapshots | undefined;
  /** Tokens behind the first `past`. */
  readonly #read: number[] = [];

  constructor(memory: SharedMemory, model: Model, target: Target, contextLength: number, past: number) {
    this.#position = past;
    this.contextLength = contextLength;
    this.#memory = memory;
    this.#model = model;
    this.#target = target;
    this.#parts = decodingParts(model.graph);
    this.#logits = new Float32Array(model.config.vocabulary);
    this.#single = this.#decoder(1);
    const states = replacedStates(this.#parts.body);
    if (states.length > 0) this.#snapshots = new Snapshots(memory, states);
    // Nothing is known of tokens that count as read: the states behind them are kept as they are.
    if (past > 0) this.#snapshots?.save(past);
  }

  get position(): number {
    return this.#position;
  }

  async prefill(tokens: ArrayLike<number>, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    if (tokens.length === 0) throw new UsageError('prompt: no tokens, expected at least one');
    await this.#eachChunk(tokens, options.signal, async (decoder, start, count) => {
      if (start + count === tokens.length) await decoder.logits(count - 1, this.#logits);
    });
    return this.#logits;
  }

  async decode(token: number): Promise<Float32Array> {
    this.#append(this.#single, [token], 0, 1);
    await this.#single.logits(0, this.#logits);
    return this.#logits;
  }

  async allLogits(tokens: ArrayLike<number>): Promise<Float32Array> {
    const { vocabulary } = this.#model.config;
    const all = new Float32Array(tokens.length * vocabulary);
    await this.#eachChunk(tokens, undefined, async (decoder, start, count) => {
      for (let i = 0; i < count; i++) {
        const at = (start + i) * vocabulary;
        await decoder.logits(i, all.subarray(at, at + vocabulary));
      }
    });
    return all;
  }

  rewind(position: number): void {
    if (!(position >= 0 && position <= this.#position)) {
      throw new RangeError(`cannot go back to ${position}: the cache holds ${this.#position} tokens`);
    }
    if (this.#snapshots !== undefined && position < this.#position) this.#rewindStates(this.#snapshots, position);
    this.#position = position;
  }

  /** From the newest snapshot that is early enough, or from the start, tokens are read once more. */
  #rewindStates(snapshots: Snapshots, position: number): void {
    const unread = this.#position - this.#read.length;
    if (position > 0 && position < unread)
      throw new RangeError(`cannot go back to ${position}: what the first ${unread} tokens were is not known`);
    const from = snapshots.restore(position);
    const again = this.#read.slice(Math.max(0, from - unread), Math.max(0, position - unread));
    this.#read.length = Math.max(0, from - unread);
    this.#position = from;
    if (again.length === 0) return;
    const decoder = this.#decoder(Math.min(promptChunk, again.length));
    try {
      for (let start = 0; start < again.length; start += promptChunk)
        this.#append(decoder, again, start, Math.min(promptChunk, again.length - start));
    } finally {
      decoder.close();
    }
    snapshots.save(position);
  }

  close(): void {
    this.#snapshots?.close();
    this.#single.close();
    this.#memory.close();
  }

  async #eachChunk(
    tokens: ArrayLike<number>,
    signal: AbortSignal | undefined,
    use: (decoder: Decoder, start: number, count: number) => Promise<void>,
  ): Promise<void> {
    const decoder = this.#decoder(Math.min(promptChunk, Math.max(1, tokens.length)));
    try {
      for (let start = 0; start < tokens.length; start += promptChunk) {
        if (start > 0) await checkpoint(signal);
        const count = Math.min(promptChunk, tokens.length - start);
        this.#append(decoder, tokens, start, count);
        await use(decoder, start, count);
      }
    } finally {
      decoder.close();
    }
  }

  #decoder(tokens: number): Decoder {
    return new Decoder(this.#memory, this.#parts, this.#target, { tokens, context: this.contextLength });
  }

  /** Runs tokens [start, start + count) through all blocks. */
  #append(decoder: Decoder, tokens: ArrayLike<number>, start: number, count: number): void {
    const { vocabulary } = this.#model.config;
    const past = this.#position;
    if (past + count > this.contextLength) {
      throw new UsageError(
        `context: ${past + count} tokens do not fit the context of ${this.contextLength}; raise the context length`,
      );
    }
    const ids = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const token = tokens[start + i];
      if (!(token >= 0 && token < vocabulary))
        throw new RangeError(`token ${token} is not in the vocabulary of ${vocabulary}`);
      ids[i] = token;
    }
    decoder.append(ids, past);
    this.#position = past + count;
    if (this.#snapshots !== undefined) this.#read.push(...ids);
  }
}

/** Body and head for up to a number of tokens at a time. */
class Decoder {
  readonly #body: RunningProgram;
  readonly #head: RunningProgram;
  readonly #parts: DecodingParts;
  readonly #device: Device;
  readonly #positions: Int32Array;
  /** Where nothing rotates and no table is added, order is what states and masks make of it. */
  readonly #readsPositions: boolean;
  readonly #wanted = new Int32Array(1);
  #count = 0;

  constructor(memory: SharedMemory, parts: DecodingParts, target: Target, capacities: Sizes) {
    this.#device = memory.device;
    this.#parts = parts;
    this.#positions = new Int32Array(capacities.tokens);
    this.#readsPositions = inputNamed(parts.body, 'positions') !== undefined;
    this.#body = new RunningProgram(memory, parts.body, { target, capacities });
    // The head reads what the body wrote, where it lies.
    const lent = new Map([[parts.between, this.#body.slot(parts.between)]]);
    this.#head = new RunningProgram(memory, parts.head, { target, capacities: { ...capacities, wanted: 1 }, lent });
  }

  append(ids: Int32Array, past: number): void {
    const count = ids.length;
    for (let i = 0; i < count; i++) this.#positions[i] = past + i;
    this.#body.write('tokens', ids);
    if (this.#readsPositions) this.#body.write('positions', this.#positions.subarray(0, count));
    this.#body.run({ tokens: count, sequences: 1, length: count, past });
    this.#count = count;
  }

  /** Logits of one of the rows appended last. */
  async logits(row: number, into: Float32Array): Promise<void> {
    this.#wanted[0] = row;
    this.#head.write('wanted', this.#wanted);
    this.#head.run(headSizes(this.#count));
    await this.#device.read(this.#head.slot(this.#parts.logits), into);
  }

  close(): void {
    this.#body.close();
    this.#head.close();
  }
}
