import type { CodePass } from '../../numeric/passes.ts';
import { SCALE_BF16, type ScaleType } from '../../numeric/scales.ts';
import { isBlocked } from '../../numeric/table.ts';
import type { NumberFormat } from '../../numeric/types.ts';
import type { Kernels } from '../contract.ts';
import { checkDecode, packedFormats } from '../packedFormats.ts';
import type { Team } from './team.ts';

/** Bytes of assembly/codes/plan.ts. */
const PLAN_BYTES = 17 * 4;
const BYTE_VALUES = 256;
/** How it calls levels of integers, of integers less a zero point, and of a table. */
const kinds = { integers: 0, zeroPoint: 1, table: 2 };
/** How it calls a bfloat16, which is as long as a binary16. */
const BF16_BYTES = 3;

/** Decoding: `assembly/packed/decode.ts` for the types of model files, `assembly/codes` for the families. */
export function decodeKernels(team: Team): Pick<Kernels, 'decodes' | 'decode'> {
  return {
    decodes: (format) => packedFormats.includes(format.name) || format.passes !== undefined,
    decode: (format, bytes, columns, values) => {
      checkDecode(format, bytes, columns, values);
      if (format.passes === undefined && isBlocked(format) && packedFormats.includes(format.name)) {
        decodeBlocks(team, format, bytes, values);
      } else if (format.passes !== undefined) {
        const passes = format.passes(bytes, columns, values.length);
        if (passes.some(({ adds }) => adds)) values.fill(0);
        for (const pass of passes) decodePass(team, pass, bytes, values);
      } else if (isBlocked(format)) {
        format.decodeBlocks(bytes, values);
      } else {
        format.decode(bytes, columns, values);
      }
    },
  };
}

/** Decodes a type of model files that products are computed from. */
export function decodeBlocks(team: Team, format: NumberFormat, bytes: Uint8Array, values: Float32Array): void {
  const { name, blockSize } = format;
  if (name === 'F32') format.decodeBlocks(bytes, values);
  else
    team.dispatch(
      `decode${name}`,
      [team.address(bytes), team.address(values), values.length / blockSize],
      values.length,
    );
}

function decodePass(team: Team, pass: CodePass, bytes: Uint8Array, values: Float32Array): void {
  const { scale, levels, byteCodes, zeroAt } = pass;
  const { step, exact } = levels === undefined ? {} : kindOf(levels, pass.bits);
  const kind = zeroAt !== undefined ? kinds.zeroPoint : step !== undefined ? kinds.integers : kinds.table;
  const size = kind === kinds.table ? levels!.length : 0;
  const scales = PLAN_BYTES + 4;
  const table = scales + 4 * BYTE_VALUES;
  const codes = table + 8 * BYTE_VALUES;
  const plan = team.allocate(codes + 8 * BYTE_VALUES);
  const { buffer } = team.memory;
  try {
    if (scale?.type.bytes === 1) new Float32Array(buffer, plan + scales, BYTE_VALUES).set(scalesOf(scale.type));
    if (size > 0) new Float64Array(buffer, plan + table, size).set(levels!);
    if (byteCodes) new Uint8Array(buffer, plan + codes, byteCodes.codes.length).set(byteCodes.codes);
    new Int32Array(buffer, plan, 12).set([
      ...[pass.group, pass.stride, pass.codesAt, pass.bits, kind, Number(pass.adds ?? false)],
      ...[scale === undefined ? 0 : scaleBytes(scale.type), scale?.at ?? 0, zeroAt ?? 0],
      ...[byteCodes?.count ?? 0, size, Number(exact ?? false)],
    ]);
    new Float32Array(buffer, plan + 48, 2).set([pass.outer ?? 1, step ?? 1]);
    new Uint32Array(buffer, plan + 56, 3).set([plan + scales, plan + table, plan + codes]);
    const first = team.address(bytes);
    const args = [plan, first + pass.start, first + bytes.length, team.address(values), values.length];
    team.dispatch('decodeCodes', args, values.length);
  } finally {
    team.release(plan);
  }
}

interface Levels {
  /** Present when they are integers times this. */
  readonly step: number | undefined;
  /** Whether all are float32. */
  readonly exact: boolean;
}

const levelKinds = new WeakMap<Float64Array, Levels>();

function kindOf(levels: Float64Array, bits: number): Levels {
  const known = levelKinds.get(levels);
  if (known) return known;
  const exact = levels.every((level) => Object.is(Math.fround(level), level));
  const kind = { step: integerStep(levels, bits), exact };
  levelKinds.set(levels, kind);
  return kind;
}

/** What the levels are multiples of, when they are the integers of two's complement times a float32. */
function integerStep(levels: Float64Array, bits: number): number | undefined {
  const step = levels[1];
  if (levels.length !== 2 ** bits || bits < 2 || Math.fround(step) !== step) return undefined;
  const half = 2 ** (bits - 1);
  const isInteger = levels.every((level, code) => Object.is(level, step * (code < half ? code : code - 2 * half)));
  return isInteger ? step : undefined;
}

function scaleBytes(type: ScaleType): number {
  return type === SCALE_BF16 ? BF16_BYTES : type.bytes;
}

const byteScales = new WeakMap<ScaleType, Float32Array>();

/** [256] every scale of one byte */
function scalesOf(type: ScaleType): Float32Array {
  const scales = byteScales.get(type) ?? Float32Array.from({ length: BYTE_VALUES }, (_, code) => type.value(code));
  byteScales.set(type, scales);
  return scales;
}
