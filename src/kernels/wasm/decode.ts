import type { CodePass, WordStage, Words } from '../../numeric/passes.ts';
import { SCALE_BF16, type ScaleType } from '../../numeric/scales.ts';
import { isBlocked } from '../../numeric/table.ts';
import type { NumberFormat, TensorFormat } from '../../numeric/types.ts';
import type { Kernels } from '../contract.ts';
import { checkDecode, packedFormats } from '../packedFormats.ts';
import { upload } from './call.ts';
import { entropyKernels } from './entropy.ts';
import { patternRecord, type Tables, tablesOf } from './tables.ts';
import type { Team } from './team.ts';

/** Bytes of assembly/codes/plan.ts, in whole 8. */
const PLAN_BYTES = 112;
const STAGE_BYTES = 16;
const BYTE_VALUES = 256;
/** How it calls levels: integers, integers less a zero point, of a table, of overlapping codes, of words, floats of two types. */
const kinds = { integers: 0, zeroPoint: 1, table: 2, windows: 3, words: 4, bfloat16: 5, 'double-signed binary16': 6 };
/** How it calls a bfloat16, which is as long as a binary16. */
const BF16_BYTES = 3;

/** Decoding: `assembly/packed/decode.ts` for the types of model files, `assembly/codes` for the families. */
export function decodeKernels(team: Team): Pick<Kernels, 'decodes' | 'decode'> {
  const tables = tablesOf(team);
  const coder = entropyKernels(team);
  const kernels: Pick<Kernels, 'decodes' | 'decode'> = {
    decodes: (format) =>
      packedFormats.includes(format.name) || format.passes !== undefined || codedOf(format) !== undefined,
    decode: (format, bytes, columns, values) => {
      checkDecode(format, bytes, columns, values);
      const coded = codedOf(format);
      if (coded !== undefined) {
        const inner = coded.uncode(bytes, columns, values.length, coder);
        team.scope(() => {
          const packed = new Uint8Array(team.memory.buffer, upload(team, inner), inner.length);
          kernels.decode(coded.format, packed, columns, values);
        });
      } else if (format.passes === undefined && isBlocked(format) && packedFormats.includes(format.name)) {
        decodeBlocks(team, format, bytes, values);
      } else if (format.passes !== undefined) {
        const passes = format.passes(bytes, columns, values.length);
        for (const pass of passes) decodePass(team, tables, pass, bytes, values);
      } else if (isBlocked(format)) {
        format.decodeBlocks(bytes, values);
      } else {
        format.decode(bytes, columns, values);
      }
    },
  };
  return kernels;
}

function codedOf(format: NumberFormat | TensorFormat): TensorFormat['coded'] {
  return isBlocked(format) ? undefined : format.coded;
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

function decodePass(team: Team, tables: Tables, pass: CodePass, bytes: Uint8Array, values: Float32Array): void {
  if (pass.group === 0) return;
  const kept = keptTables(tables, pass);
  const plan = team.allocate(PLAN_BYTES + tableBytes(pass));
  try {
    writePlan(team.memory.buffer, kept, plan, pass);
    const first = team.address(bytes);
    const args = [plan, first + pass.start, first + bytes.length, team.address(values), values.length];
    team.dispatch('decodeCodes', args, values.length);
  } finally {
    team.release(plan);
  }
}

/**
 * Addresses of a pass's tables that are the same in every tensor: records of every stage, or levels as float32; 0 for words
 * that lie behind the plan. Memory may grow.
 */
function keptTables(tables: Tables, { levels, windows, words }: CodePass): number[] {
  if (windows) return [tables.of(levels!, () => Float32Array.from(levels!).buffer)];
  return words?.stages.map((stage) => keptStage(tables, stage, words.isFixed)) ?? [];
}

function keptStage(tables: Tables, { patterns, words }: WordStage, isFixed: boolean): number {
  if (patterns) return tables.of(patterns, () => patternRecord(patterns));
  return isFixed ? tables.of(words!, () => new Float32Array(words!).buffer) : 0;
}

/** Bytes of the tables behind a plan: scales, bytes of codes, what columns have, levels or words, as far as they are not kept. */
function tableBytes(pass: CodePass): number {
  const { levels = new Float64Array(0), windows, words } = pass;
  const stages = words?.stages.map((stage) => STAGE_BYTES + (words.isFixed ? 0 : 4 * stage.words!.length)) ?? [];
  const inPlan = (4 + 8) * BYTE_VALUES + 8 * Math.ceil(columnsOf(pass).length / 2) + (windows ? 0 : 8 * levels.length);
  return inPlan + stages.reduce((sum, bytes) => sum + bytes, 0);
}

function writePlan(buffer: ArrayBufferLike, kept: readonly number[], plan: number, pass: CodePass): void {
  const { scale, levels, byteCodes, zeroAt, words, windows, planes, floats, upper } = pass;
  const { step, exact } = levels === undefined ? {} : kindOf(levels, pass.bits);
  const kind = kindName(pass, step);
  const size = kind === 'table' ? levels!.length : (words?.size ?? 0);
  if (kind === 'table' && size > BYTE_VALUES)
    throw new RangeError(`a table of ${size} levels, at most ${BYTE_VALUES} fit`);
  const scales = plan + PLAN_BYTES;
  const codes = scales + 4 * BYTE_VALUES;
  const columns = codes + 8 * BYTE_VALUES;
  const perColumn = columnsOf(pass);
  const table = columns + 8 * Math.ceil(perColumn.length / 2);
  new Uint32Array(buffer, columns, perColumn.length).set(perColumn);
  if (scale?.type.bytes === 1) new Float32Array(buffer, scales, BYTE_VALUES).set(scalesOf(scale.type));
  if (byteCodes) new Uint8Array(buffer, codes, byteCodes.codes.length).set(byteCodes.codes);
  if (kind === 'table') new Float64Array(buffer, table, size).set(levels!);
  if (words) writeStages(buffer, kept, table, words);
  const [a, b, c, d] = windows?.steps ?? [0, 0, 0, 0];
  new Int32Array(buffer, plan, 12).set([
    ...[pass.group, pass.stride, pass.codesAt, pass.bits, kinds[kind], planes?.count ?? 0],
    ...[scale === undefined ? 0 : scaleBytes(scale.type), scale?.at ?? 0, zeroAt ?? 0],
    ...[byteCodes?.count ?? 0, size, Number(exact ?? false)],
  ]);
  new Float32Array(buffer, plan + 48, 2).set([pass.outer ?? 1, step ?? 1]);
  const steps = a | (b << 8) | (c << 16) | (d << 24);
  new Uint32Array(buffer, plan + 56, 13).set([
    scales,
    kind === 'windows' ? kept[0] : table,
    codes,
    steps,
    windows?.block ?? 0,
    words?.stages.length ?? 0,
    planes?.bytes ?? 0,
    floats?.type === 'bfloat16' ? floats.components : 0,
    ...[upper?.bits ?? 0, upper?.at ?? 0, pass.columns?.of ?? 0],
    ...[pass.columns ? columns : 0, pass.columnScales ? columns : 0],
  ]);
}

/** What stands for every column of a group, as words: its place in the row, or bits of its scale. */
function columnsOf({ columns, columnScales }: CodePass): Uint32Array {
  if (columns) return columns.places;
  return columnScales ? new Uint32Array(columnScales.buffer, columnScales.byteOffset, columnScales.length) : NONE;
}

function kindName({ words, windows, zeroAt, floats }: CodePass, step: number | undefined): keyof typeof kinds {
  if (floats) return floats.type;
  if (words) return 'words';
  if (windows) return 'windows';
  if (zeroAt !== undefined) return 'zeroPoint';
  return step === undefined ? 'table' : 'integers';
}

/** Stages as assembly/codes/plan.ts has them, then the words that are not kept. */
function writeStages(buffer: ArrayBufferLike, kept: readonly number[], at: number, { stages }: Words): void {
  let table = at + STAGE_BYTES * stages.length;
  stages.forEach(({ codesAt, step, patterns, words }, m) => {
    const place = kept[m] || table;
    new Uint32Array(buffer, at + STAGE_BYTES * m, 4).set([codesAt, step, Number(patterns !== undefined), place]);
    if (kept[m] !== 0) return;
    new Float32Array(buffer, table, words!.length).set(words!);
    table += words!.byteLength;
  });
}

interface Levels {
  /** Present when they are integers times this. */
  readonly step: number | undefined;
  /** Whether all are float32. */
  readonly exact: boolean;
}

const NONE = new Uint32Array(0);
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
