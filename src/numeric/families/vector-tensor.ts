import type { EncodeBackend } from '../backend.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { exactStages } from '../exact/stages.ts';
import { type GroupCodec, groupTensor } from '../groups.ts';
import type { CodePass } from '../passes.ts';
import { POINT_SIZE } from '../patterns.ts';
import { readScale, SCALE_F32, writeScale } from '../scales.ts';
import { unitRows } from '../search/sets/unit.ts';
import { readWord, type VectorStage } from '../search/sets/vectors.ts';
import type { TensorFormat } from '../types.ts';

/**
 *   per row: ├ f32 scale ┼ codes of stage 1 ┼ codes of stage 2 … ┤   value = scale·Σ point, in float32
 */
export function vectorTensor(name: string, stages: readonly VectorStage[]): TensorFormat {
  return groupTensor({ name, multiple: POINT_SIZE }, 'channel', (columns) => new RowCodec(stages, columns));
}

function bitsOf(stage: VectorStage): number {
  return stage.kind === 'patterns' ? 16 : 8;
}

class RowCodec implements GroupCodec {
  readonly group: number;
  readonly bytes: number;
  readonly #stages: readonly VectorStage[];
  /** Byte of each stage's codes. */
  readonly #starts: readonly number[];

  constructor(stages: readonly VectorStage[], columns: number) {
    this.group = columns;
    this.#stages = stages;
    let at = SCALE_F32.bytes;
    this.#starts = stages.map((stage) => {
      at += packedBytes(columns / POINT_SIZE, bitsOf(stage));
      return at - packedBytes(columns / POINT_SIZE, bitsOf(stage));
    });
    this.bytes = at;
  }

  encode(values: Float32Array, importance: Float32Array | undefined, bytes: Uint8Array, backend: EncodeBackend): void {
    const groups = this.group / POINT_SIZE;
    for (const { first, x, w, deviation } of unitRows(values, importance, this.group)) {
      const scale = new Float64Array(deviation.length);
      const codes = new Uint16Array((this.#stages.length * x.length) / POINT_SIZE);
      backend.searchVectors({ stages: this.#stages, columns: this.group, x, w, scale, codes });
      deviation.forEach((unit, row) => {
        const at = (first + row) * this.bytes;
        const own = this.#stages.map((_, s) => codes.subarray((s * scale.length + row) * groups).subarray(0, groups));
        const given = values.subarray((first + row) * this.group, (first + row + 1) * this.group);
        const exact = exactStages(this.#stages, given, own);
        writeScale(SCALE_F32, SCALE_F32.code(exact || unit * scale[row]), bytes, at);
        for (const [s, stage] of this.#stages.entries())
          packBits(own[s], 0, groups, bitsOf(stage), bytes, at + this.#starts[s]);
      });
    }
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    const scale = readScale(SCALE_F32, bytes, at);
    const point = new Float32Array(POINT_SIZE);
    const codes = new Uint16Array(this.group / POINT_SIZE);
    const sum = values.subarray(from, from + this.group).fill(0);
    for (const [s, stage] of this.#stages.entries()) {
      unpackBits(bytes, at + this.#starts[s], codes.length, bitsOf(stage), codes);
      for (const [g, code] of codes.entries()) {
        readWord(stage, code, point);
        for (let i = 0; i < POINT_SIZE; i++) sum[g * POINT_SIZE + i] += point[i];
      }
    }
    for (let i = 0; i < sum.length; i++) sum[i] *= scale;
  }

  passes(): readonly CodePass[] {
    const stages = this.#stages.map((stage, s) => {
      const part = { codesAt: this.#starts[s], step: bitsOf(stage) / 8 };
      return stage.kind === 'patterns' ? { ...part, patterns: stage } : { ...part, words: stage.words };
    });
    const scale = { type: SCALE_F32, at: 0 };
    const { group, bytes: stride } = this;
    const words = { size: POINT_SIZE, isFixed: true, stages };
    return [{ group, start: 0, stride, scale, codesAt: SCALE_F32.bytes, bits: 8, words }];
  }
}
