import type { BitPlan } from '../allocate/types.ts';
import { writeWhole } from '../container/node.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { bitsPerWeight, format, rowBytes } from '../numeric/table.ts';
import { plannedFormat } from '../quantize/encode.ts';
import { matrices, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { Assignment, FrontierSample, MeasuredPoint, ReportData, ReportLatency } from '../report/types.ts';
import { groupsOf } from './plan/groups.ts';
import { Planner } from './plan/planner.ts';
import { weightCount } from './plan/wishes.ts';
import { recordPath } from './preflight/outputs.node.ts';
import type { QuantizeResult } from './quantize.node.ts';
import { storedBytes } from './resources/bytes.ts';

/** Standard errors on each side of a 95 % interval. */
const INTERVAL = 1.96;
/** Width at which reports compare sensitivities. */
const COMMON_FORMATS = ['Q4_K', 'Q4_0'];

/** Saves what a run did as OUTPUT.bitbudget.json, which `bitbudget report` turns into a page. */
export async function saveRun(model: Model, name: string, output: string, result: QuantizeResult): Promise<ReportData> {
  const record = reportData(model, name, output, result);
  await writeWhole(recordPath(output), `${JSON.stringify(record, null, 1)}\n`);
  return record;
}

function reportData(model: Model, name: string, output: string, result: QuantizeResult): ReportData {
  const { plan, table, evaluation, timings } = result;
  const { prediction } = plan;
  const { architecture, layers, hidden, vocabulary } = model.config;
  return {
    version: 1,
    title: `${model.config.name ?? name} in ${result.fileBytes} bytes`,
    model: {
      name: model.config.name ?? name,
      architecture,
      layers,
      hidden,
      vocabulary,
      parameters: weightCount(model),
      originalBytes: originalBytes(model),
    },
    result: {
      file: output,
      fileBytes: result.fileBytes,
      targetBytes: result.targetBytes,
      bitsPerWeight: result.bitsPerWeight,
      rounding: plan.rounding,
      predictedKl: prediction?.kl,
      predictedKlError: prediction?.klError,
      latency: reportLatency(result),
      solver: prediction && { status: prediction.status, bound: prediction.bound, gap: prediction.gap },
    },
    assignments: assignments(model, plan, table),
    frontier: table ? frontier(model, table) : [],
    measured: measuredPoints(result),
    evaluation,
    timings: Object.entries(timings).map(([step, seconds]) => ({ step, seconds })),
    commands: [
      { label: 'bitbudget', command: `bitbudget run ${output} -p "Once upon a time"` },
      { label: 'llama.cpp', command: `llama-cli -m ${output} -p "Once upon a time"` },
    ],
    notes: notes(result),
  };
}

function reportLatency({ plan: { prediction }, latency }: QuantizeResult): ReportLatency | undefined {
  if (latency === undefined) return undefined;
  const { milliseconds, spread, threads, context } = latency;
  return {
    predicted: prediction!.costs!['latency'],
    predictedSpread: prediction!.costErrors!['latency'],
    measured: milliseconds,
    measuredSpread: spread,
    threads,
    context,
  };
}

function originalBytes(model: Model): number {
  let bytes = 0;
  for (const { shape, format: name } of model.tensors.values()) {
    const columns = shape[shape.length - 1];
    bytes += (shape.reduce((product, size) => product * size, 1) / columns) * rowBytes(format(name), columns);
  }
  return bytes;
}

function assignments(model: Model, plan: BitPlan, table?: SensitivityTable): Assignment[] {
  const groups = new Map((table ? groupsOf(table) : []).map((group) => [group.id, group]));
  return matrices(model).map((tensor: ModelTensor) => {
    const [rows, columns] = tensor.shape;
    const chosen = plannedFormat(plan, tensor);
    const options = groups.get(tensor.name)?.options ?? [];
    const option = options.find(({ id }) => id === chosen);
    const common = COMMON_FORMATS.map((id) => options.find((other) => other.id === id)).find(
      (found) => found !== undefined,
    );
    return {
      tensor: tensor.name,
      role: tensor.role,
      layer: tensor.layer,
      rows,
      columns,
      format: chosen,
      bitsPerWeight: bitsPerWeight(format(chosen)),
      bytes: storedBytes(chosen, rows, columns),
      ...(option && { loss: option.loss, lossError: option.lossError ?? 0 }),
      sensitivity: common && { format: common.id, loss: common.loss, lossError: common.lossError ?? 0 },
    };
  });
}

function frontier(model: Model, table: SensitivityTable): FrontierSample[] {
  return new Planner({ model, table }).frontier().map(({ prediction }) => {
    const { fileBytes, kl, klError } = prediction!;
    return {
      bytes: fileBytes,
      predictedKl: kl,
      low: Math.max(0, kl - INTERVAL * klError),
      high: kl + INTERVAL * klError,
    };
  });
}

function measuredPoints({ verification, evaluation, fileBytes }: QuantizeResult): MeasuredPoint[] {
  if (verification) {
    return verification.tried.map(({ plan, evaluation: { kl } }, i) => ({
      label: i === 0 ? 'solved' : `corrected ${i}`,
      bytes: plan.prediction!.fileBytes,
      kl: kl.mean,
      standardError: kl.standardError,
    }));
  }
  return evaluation
    ? [{ label: 'plan', bytes: fileBytes, kl: evaluation.kl.mean, standardError: evaluation.kl.standardError }]
    : [];
}

function notes({ plan, measurement, verification, table, latency }: QuantizeResult): string[] {
  const lines: string[] = [];
  if (measurement) {
    const { sequences, sequenceLength, text, seed } = measurement.key;
    lines.push(
      `measured on ${sequences} sequences of ${sequenceLength} tokens (text ${text.slice(0, 12)}, seed ${seed})`,
    );
  }
  if (plan.cache) lines.push(`KV cache: keys ${plan.cache.k.join(' ')}; values ${plan.cache.v.join(' ')}`);
  if (table)
    lines.push(`Kronecker prices times ${table.scale.value.toFixed(3)} ± ${table.scale.standardError.toFixed(3)}`);
  if (verification && verification.tried.length > 1) {
    const { kinds, spread } = verification.corrections;
    const factors = Object.entries(kinds).map(
      ([kind, { level, coarse }]) => `${kind} ${level.toFixed(2)}, at 2.6 bits ${(level + coarse).toFixed(2)}`,
    );
    lines.push(`predictions times (${factors.join('; ')}), ± ${(100 * spread).toFixed(0)} %, and solved again`);
  }
  if (latency) {
    const { milliseconds, spread, threads, context } = latency;
    const told = `${milliseconds.toPrecision(3)} ± ${spread.toPrecision(2)} ms`;
    lines.push(`a token is decoded in ${told} on this device, ${threads} threads, ${context} tokens in the KV cache`);
  }
  return lines;
}
