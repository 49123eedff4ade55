import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBF16, readF16 } from '../../src/core/float16.ts';
import { Random } from '../../src/core/random.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { tinyPath } from '../support/synthetic.ts';

/** Rows of weights with an importance per column, the same wherever they are made. */
export interface Sample {
  readonly name: string;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float32Array;
  /** [columns] */
  readonly importance: Float32Array;
}

/** Heavy-tailed rows that need no file: Student's t with 4 degrees of freedom. */
export function studentSample(): Sample {
  const random = new Random(5);
  const values = Float32Array.from({ length: 32 * 512 }, () => {
    let chi = 0;
    for (let i = 0; i < 4; i++) chi += random.normal() ** 2;
    return (0.03 * random.normal()) / Math.sqrt(chi / 4);
  });
  return { name: 'student', columns: 512, values, importance: logNormal(512, 1.5, 6) };
}

/** Rows of the embedded model. */
export function tinySamples(): Sample[] {
  const path = join(tinyPath, 'model.safetensors');
  const layer = (name: string) => `model.layers.${name}.weight`;
  return [
    sample('query', readRows(path, layer('0.self_attn.q_proj'), 64), 256, 1.2, 1),
    sample('down', readRows(path, layer('3.mlp.down_proj'), 24), 768, 1.2, 2),
    sample('embedding', readRows(path, 'model.embed_tokens.weight', 64), 256, 0.6, 3),
    sample('gate, equal importance', readRows(path, layer('1.mlp.gate_proj'), 64), 256, 0, 4),
  ];
}

function sample(name: string, values: Float32Array, columns: number, spread: number, seed: number): Sample {
  return { name, columns, values, importance: logNormal(columns, spread, seed) };
}

function logNormal(length: number, spread: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => Math.exp(spread * random.normal()));
}

/** The first rows of a BF16 tensor of a safetensors file. */
function readRows(path: string, name: string, rows: number): Float32Array {
  const file = openSync(path, 'r');
  const read = (position: number, length: number) => {
    const bytes = new Uint8Array(length);
    readSync(file, bytes, 0, length, position);
    return bytes;
  };
  const headerBytes = Number(new DataView(read(0, 8).buffer).getBigUint64(0, true));
  const info = JSON.parse(new TextDecoder().decode(read(8, headerBytes)))[name];
  const values = new Float32Array(rows * info.shape[1]);
  decodeBF16(read(8 + headerBytes + info.data_offsets[0], 2 * values.length), values);
  closeSync(file);
  return values;
}

/** Σ importance·(a − b)², importance per column. */
export function weightedError(a: Float32Array, b: Float32Array, importance: Float32Array): number {
  let error = 0;
  for (let i = 0; i < a.length; i++) error += importance[i % importance.length] * (a[i] - b[i]) ** 2;
  return error;
}

/** Least and largest |d| ÷ |dmin| at which float32 always tells the steps of d from the minimums. */
const TOLD = [2 ** -11, 2 ** 15] as const;

/** Why an encoder may not give a block back that anybody may have written; undefined where it must. */
export function whyLost({ name, halves }: NumberFormat, block: Uint8Array): string | undefined {
  if (name === 'Q8_0' && block.subarray(2).includes(0x80)) return 'the encoder keeps to −127 … 127';
  if (name === 'NVFP4' && block.subarray(0, 4).includes(0xff)) return 'a NaN, which ggml reads as 480';
  if (name === 'IQ1_S' && block[1] >= 0x80) return 'no encoder writes d < 0';
  if (name === 'IQ1_M' && block[55] >= 0x80) return 'no encoder writes d < 0';
  if (halves?.length === 2) {
    const [d, dmin] = halves.map((at) => Math.abs(readF16(block, at)));
    if (d > 0 && dmin > 0 && !(d >= TOLD[0] * dmin && d <= TOLD[1] * dmin)) return 'd and dmin are too far apart';
  }
  return undefined;
}

/** Blocks of any bytes that decode to finite values. */
export function anyBlock({ blockSize, blockBytes, decodeBlocks }: NumberFormat, random: Random): Uint8Array {
  for (;;) {
    const block = Uint8Array.from({ length: blockBytes }, () => random.integer(256));
    const values = new Float32Array(blockSize);
    decodeBlocks(block, values);
    if (values.every(Number.isFinite)) return block;
  }
}
