/*
 * The file of llama-perplexity --kl-divergence-base: log-probabilities of a reference model, 16 bits each.
 *
 *   "_logits_" | context u32 | vocabulary i32 | chunks i32 | tokens i32[chunks · context]
 *   per chunk: rows for positions context/2 … context − 2, each
 *     scale f32 | least f32 | codes u16[vocabulary], one more when that is odd       log p = scale·code + least
 *
 * Log-probabilities more than 16 nats below the best are raised to there. Little-endian.
 * Source: llama.cpp tools/perplexity/perplexity.cpp
 */
import { ByteCursor, ByteWriter } from '../core/bytes.ts';
import { BitbudgetError, FormatError } from '../core/errors.ts';
import type { ByteSink, ByteSource } from './types.ts';

export interface KlBaseHeader {
  /** Tokens per chunk. */
  readonly contextLength: number;
  readonly vocabulary: number;
  readonly chunks: number;
  /** [chunks, contextLength]; the first of a chunk was replaced by BOS when the vocabulary asks for it. */
  readonly tokens: Int32Array;
}

export interface KlBaseFile extends KlBaseHeader {
  /** Scored positions per chunk: contextLength − 1 − ⌊contextLength/2⌋. */
  readonly rows: number;
  /** Row r of chunk c predicts tokens[c·contextLength + firstScored + r + 1]. ⌊contextLength/2⌋ */
  readonly firstScored: number;
  /** Reads one chunk; `rows · vocabulary · 2` bytes of memory. */
  chunk(index: number): Promise<KlBaseChunk>;
}

export interface KlBaseChunk {
  /** Log-probabilities (nats) of one row into `out` [vocabulary]. */
  logProbabilities(row: number, out: Float32Array): void;
}

const magic = '_logits_';
const headerBytes = 8 + 3 * 4;
/** Nats below the best at which the file format cuts. */
const deepest = 16;

/** Opens such a file; chunks are read on demand. Throws FormatError when sizes contradict the file's length. */
export async function readKlBase(source: ByteSource): Promise<KlBaseFile> {
  if (source.byteLength < headerBytes)
    throw new FormatError(`${source.name}: has ${source.byteLength} bytes, a KL base file at least ${headerBytes}`);
  const cursor = new ByteCursor(await source.read(0, headerBytes), { name: source.name });
  if (String.fromCharCode(...cursor.view(8)) !== magic)
    throw new FormatError(`${source.name}: does not begin with ${magic}; not a KL base file`);
  const [contextLength, vocabulary, chunks] = [cursor.u32(), cursor.i32(), cursor.i32()];
  if (contextLength < 2 || vocabulary < 1 || chunks < 0) {
    throw new FormatError(
      `${source.name}: declares context ${contextLength}, vocabulary ${vocabulary}, chunks ${chunks}`,
    );
  }
  const { rows, firstScored, rowBytes } = rowLayout(contextLength, vocabulary);
  const tokenBytes = contextLength * chunks * 4;
  const expected = headerBytes + tokenBytes + chunks * rows * rowBytes;
  if (expected !== source.byteLength) {
    throw new FormatError(
      `${source.name}: has ${source.byteLength} bytes; ${chunks} chunks of ${contextLength} tokens take ${expected}. Was it written to the end?`,
    );
  }
  const tokens = new Int32Array((await source.read(headerBytes, headerBytes + tokenBytes)).slice().buffer);
  const outside = tokens.find((token) => token < 0 || token >= vocabulary);
  if (outside !== undefined)
    throw new FormatError(`${source.name}: holds token ${outside}; the vocabulary has ${vocabulary}`);
  return {
    contextLength,
    vocabulary,
    chunks,
    tokens,
    rows,
    firstScored,
    async chunk(index) {
      const start = headerBytes + tokenBytes + index * rows * rowBytes;
      return decodeChunk((await source.read(start, start + rows * rowBytes)).slice().buffer, rowBytes, vocabulary);
    },
  };
}

function rowLayout(contextLength: number, vocabulary: number) {
  const firstScored = Math.floor(contextLength / 2);
  return { firstScored, rows: contextLength - 1 - firstScored, rowBytes: 8 + 2 * (vocabulary + (vocabulary % 2)) };
}

function decodeChunk(buffer: ArrayBuffer, rowBytes: number, vocabulary: number): KlBaseChunk {
  const view = new DataView(buffer);
  return {
    logProbabilities(row, out) {
      const scale = view.getFloat32(row * rowBytes, true);
      const least = view.getFloat32(row * rowBytes + 4, true);
      const codes = new Uint16Array(buffer, row * rowBytes + 8, vocabulary);
      for (let i = 0; i < vocabulary; i++) out[i] = scale * codes[i] + least;
    },
  };
}

/** Writes such a file chunk by chunk, so that nothing but one chunk is in memory. */
export class KlBaseWriter {
  readonly #sink: ByteSink;
  readonly #header: KlBaseHeader;
  #written = 0;

  private constructor(sink: ByteSink, header: KlBaseHeader) {
    this.#sink = sink;
    this.#header = header;
  }

  static async create(sink: ByteSink, header: KlBaseHeader): Promise<KlBaseWriter> {
    const { contextLength, vocabulary, chunks, tokens } = header;
    if (tokens.length !== chunks * contextLength) {
      throw new BitbudgetError(`KL base: ${tokens.length} tokens for ${chunks} chunks of ${contextLength}`);
    }
    const out = new ByteWriter({ capacity: headerBytes + tokens.length * 4 });
    for (const letter of magic) out.u8(letter.charCodeAt(0));
    out.u32(contextLength);
    out.i32(vocabulary);
    out.i32(chunks);
    for (const token of tokens) out.i32(token);
    await sink.write(out.finish());
    return new KlBaseWriter(sink, header);
  }

  /**
   * The next chunk. Bit for bit what llama-perplexity writes, up to its rounding of exp.
   * @param logits [rows, vocabulary], rows for positions ⌊contextLength/2⌋ … contextLength − 2
   */
  async write(logits: Float32Array): Promise<void> {
    const { contextLength, vocabulary, chunks } = this.#header;
    const { rows, rowBytes } = rowLayout(contextLength, vocabulary);
    if (logits.length !== rows * vocabulary || this.#written >= chunks) {
      throw new BitbudgetError(
        `KL base: chunk ${this.#written + 1} of ${chunks} has ${logits.length} logits; expected ${rows} rows of ${vocabulary}`,
      );
    }
    const bytes = new Uint8Array(rows * rowBytes);
    for (let row = 0; row < rows; row++) {
      encodeRow(logits.subarray(row * vocabulary, (row + 1) * vocabulary), bytes.buffer, row * rowBytes);
    }
    await this.#sink.write(bytes);
    this.#written++;
  }

  /** Checks that every chunk was written, then commits the sink. */
  async finish(): Promise<void> {
    if (this.#written !== this.#header.chunks) {
      throw new BitbudgetError(`KL base: ${this.#written} of ${this.#header.chunks} announced chunks were written`);
    }
    await this.#sink.commit();
  }

  async abort(): Promise<void> {
    await this.#sink.abort();
  }
}

function encodeRow(logits: Float32Array, buffer: ArrayBuffer, offset: number): void {
  let most = logits[0];
  let least = logits[0];
  for (let i = 1; i < logits.length; i++) {
    if (logits[i] > most) most = logits[i];
    if (logits[i] < least) least = logits[i];
  }
  if (!Number.isFinite(most))
    throw new BitbudgetError(`KL base: a row's largest logit is ${most}; expected a finite number`);
  least = Math.max(least, Math.fround(most - deepest));
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - most);
  const scale = Math.fround(Math.fround(most - least) / 65535);
  const view = new DataView(buffer, offset);
  view.setFloat32(0, scale, true);
  view.setFloat32(4, Math.fround(least - most) - Math.fround(Math.log(sum)), true);
  if (scale === 0) return;
  const inverse = Math.fround(1 / scale);
  const codes = new Uint16Array(buffer, offset + 8, logits.length);
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] > least) codes[i] = roundToEven(Math.fround(inverse * Math.fround(logits[i] - least)));
  }
}

/** Nearest integer of a float32 below 2^22, ties to even: adding 1.5·2^23 leaves no room for a fraction. */
function roundToEven(value: number): number {
  return Math.fround(value + 12582912) - 12582912;
}
