import type { BitPlan, PlanPrediction } from '../allocate/types.ts';
import { packageVersion } from '../core/version.ts';
import { expertReach } from '../measure/reach.ts';
import { expertDetails, expertLine } from '../measure/reach-lines.ts';
import { windowLostInLlamaCpp } from '../model/architecture.ts';
import { sitesOf } from '../model/sites.ts';
import { quantizedRemark } from '../model/source.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { bitsPerWeight, format, rowBytes } from '../numeric/table.ts';
import { plannedFormat } from '../quantize/encode.ts';
import { matrices, type SensitivityTable } from '../quantize/sensitivity.ts';
import { describeSubstitutes } from '../quantize/substitutes.ts';
import type {
  Assignment,
  FrontierSample,
  MeasuredPoint,
  ReportData,
  ReportLatency,
  ReportPeer,
} from '../report/types.ts';
import type { Host } from './host/types.ts';
import type { Peer } from './peers/types.ts';
import { TYPICAL_CORRECTION } from './plan/corrections.ts';
import { pricedWeights } from './plan/groups.ts';
import type { FileFacts } from './plan/notes.ts';
import { Planner } from './plan/planner.ts';
import { weightCount } from './plan/wishes.ts';
import type { QuantizeResult } from './quantize.ts';
import { recordPath } from './record-path.ts';
import { storedBytes } from './resources/bytes.ts';

/** Width at which reports compare sensitivities. */
const COMMON_FORMATS = ['Q4_K', 'Q4_0'];

/** A run that is over. */
export interface FinishedRun {
  readonly model: Model;
  /** Short name of the model, where its own is not known. */
  readonly name: string;
  readonly output: string;
  readonly result: QuantizeResult;
  readonly facts?: FileFacts;
  /** As it was typed. */
  readonly command?: string;
}

/** Saves what a run did as OUTPUT.bitbudget.json, which `bitbudget report` turns into a page. */
export async function saveRun(host: Host, run: FinishedRun): Promise<ReportData> {
  const record = runRecord(host, run);
  const sink = await host.sink(recordPath(run.output));
  try {
    await sink.write(new TextEncoder().encode(`${JSON.stringify(record, null, 1)}\n`));
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
  return record;
}

/** What a run did, as reports show it. */
export function runRecord(host: Host, { model, name, output, result, facts, command }: FinishedRun): ReportData {
  const { plan, table, evaluation, timings, bitsPerWeight } = result;
  const { architecture, layers, hidden, vocabulary } = model.config;
  const called = model.config.name ?? name;
  return {
    version: 1,
    title: `${called} in ${(result.fileBytes / 1e6).toFixed(result.fileBytes < 1e8 ? 2 : 0)} MB, ${bitsPerWeight.toFixed(2)} bits per weight`,
    date: new Date().toISOString(),
    command,
    versions: { bitbudget: packageVersion, ...host.versions },
    calibration: facts?.calibration,
    model: {
      name: called,
      architecture,
      layers,
      hidden,
      vocabulary,
      parameters: weightCount(model),
      originalBytes: originalBytes(model),
      baseModel: facts?.baseModel,
      license: facts?.license,
    },
    result: resultData(output, result),
    assignments: assignments(model, plan, table),
    frontier: table && !plan.prediction?.refuted ? frontier(model, table, result) : [],
    measured: measuredPoints(result),
    peers: (result.peers ?? []).map(peerData),
    evaluation,
    timings: Object.entries(timings).map(([step, seconds]) => ({ step, seconds })),
    commands: commands(model, output),
    notes: [...encoderNotes(model), ...sourceNotes(model), ...notes(model, result)],
  };
}

/** What the file is used with. */
function commands({ config }: Model, output: string): ReportData['commands'] {
  if (config.embedding === undefined)
    return [
      { label: 'bitbudget', command: `bitbudget run ${output} -p "Once upon a time"` },
      { label: 'llama.cpp', command: `llama-cli -m ${output} -p "Once upon a time"` },
    ];
  return [
    { label: 'bitbudget', command: `bitbudget embed ${output} "a text"` },
    { label: 'llama.cpp', command: `llama-embedding -m ${output} -p "a text"` },
  ];
}

const encoderNotes = ({ config }: Model): string[] =>
  config.embedding === undefined
    ? []
    : ['an encoder: what is called KL here is 1 − cosine of texts’ vectors and the original’s'];

function resultData(output: string, result: QuantizeResult): ReportData['result'] {
  const { plan } = result;
  const { prediction } = plan;
  return {
    file: output,
    fileBytes: result.fileBytes,
    targetBytes: result.targetBytes,
    bitsPerWeight: result.bitsPerWeight,
    rounding: plan.rounding,
    ...(prediction && !prediction.refuted ? predictedLoss(prediction) : {}),
    latency: reportLatency(result),
    solver: prediction && { status: prediction.status, bound: prediction.bound, gap: prediction.gap },
  };
}

function predictedLoss({ kl, klError, klInterval, corrected }: PlanPrediction): Partial<ReportData['result']> {
  return { predictedKl: kl, predictedKlError: klError, predictedInterval: klInterval, corrected };
}

function peerData({ name, kind, fileBytes, predicted, measured }: Peer): ReportPeer {
  return {
    label: kind === 'llama-quantize' ? `${name} (llama-quantize)` : name,
    bytes: fileBytes,
    kl: measured?.mean ?? predicted!.kl,
    standardError: measured?.standardError,
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
  const priced = new Map((table ? pricedWeights(table) : []).map(({ site, prices }) => [site, prices]));
  return matrices(model).map((tensor: ModelTensor) => {
    const [rows, columns] = tensor.shape;
    const chosen = plannedFormat(plan, tensor);
    const prices = priced.get(tensor.name) ?? [];
    const price = prices.find(({ option }) => option === chosen);
    const common = COMMON_FORMATS.map((name) => prices.find(({ option }) => option === name)).find(
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
      ...(price && { loss: price.loss, lossError: price.lossError }),
      sensitivity: common && { format: common.option, loss: common.loss, lossError: common.lossError },
    };
  });
}

/** Where people decide: 2 to 8 bits per weight. */
const CHART_RANGE = { least: 2, most: 8, step: 0.125 };

/** Predicted as the result is: corrected by what its verification taught. */
function frontier(model: Model, table: SensitivityTable, { verification }: QuantizeResult): FrontierSample[] {
  const planner = new Planner({ model, table });
  const corrections = verification?.corrections ?? TYPICAL_CORRECTION;
  return planner.frontier(corrections, { range: CHART_RANGE }).map(({ prediction }) => {
    const { fileBytes, kl, klInterval, quantizationRatio } = prediction!;
    return { bytes: fileBytes, predictedKl: kl, ...klInterval!, quantizationRatio };
  });
}

function measuredPoints({ verification, evaluation, fileBytes }: QuantizeResult): MeasuredPoint[] {
  if (verification) {
    return verification.tried.map(({ plan, evaluation: { kl } }, i) => ({
      label: i === 0 ? 'first plan' : 'corrected plan',
      bytes: plan.prediction!.fileBytes,
      kl: kl.mean,
      standardError: kl.standardError,
    }));
  }
  return evaluation
    ? [{ label: 'this file', bytes: fileBytes, kl: evaluation.kl.mean, standardError: evaluation.kl.standardError }]
    : [];
}

/** What a reader of the figures should know of the model that they compare with. */
function sourceNotes(model: Model): string[] {
  const window = windowLostInLlamaCpp(model.config);
  const quantized = quantizedRemark(model);
  return [
    ...(quantized === undefined ? [] : [`the source ${quantized}`]),
    ...(window === undefined ? [] : [`llama.cpp ignores the model's sliding window of ${window} tokens`]),
  ];
}

/** What a plan gives states and edges: formats in the order of blocks, and how many inputs have how many bits. */
function runningNotes(model: Model, plan: BitPlan): string[] {
  const named = sitesOf(model).filter(({ id }) => id in plan.sites);
  const states = Map.groupBy(
    named.filter(({ kind }) => kind === 'state'),
    ({ pool }) => pool,
  );
  const words = [...states].map(
    ([pool, members]) => `${pool === 'k' ? 'keys' : 'values'} ${members.map(({ id }) => plan.sites[id]).join(' ')}`,
  );
  return words.length === 0 ? [] : [`KV cache: ${words.join('; ')}`];
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  embedding: 'embedding',
  head: 'output head',
  attention: 'attention',
  feedForward: 'feed-forward',
};

function notes(
  model: Model,
  { plan, substitutes = [], text: learned, measurement, verification, latency }: QuantizeResult,
): string[] {
  const lines = describeSubstitutes(substitutes);
  if (learned) {
    const { sequences, sequenceLength, text, seed } = learned;
    const [what, drawn] = measurement ? ['measured', `, seed ${seed}`] : ['importance of inputs learned', ''];
    lines.push(`${what} on ${sequences} sequences of ${sequenceLength} tokens (text ${text.slice(0, 12)}${drawn})`);
  }
  const reach = measurement && expertReach(measurement.summaries);
  if (reach) {
    const { sequences, sequenceLength } = measurement.key;
    lines.push(`experts: ${expertLine(reach, sequences * sequenceLength)}`, ...expertDetails(reach));
  }
  lines.push(...runningNotes(model, plan));
  if (verification?.corrections.learned) {
    const { kinds, spread } = verification.corrections;
    const factors = Object.entries(kinds).map(
      ([kind, { level, coarse }]) =>
        `${KIND_WORDS[kind]} ${level.toFixed(2)} (${(level + coarse).toFixed(2)} at 2.6 bits)`,
    );
    lines.push(
      `predictions are corrected by parts of the plan evaluated on other text: measured prices times ${factors.join(', ')}; ± ${(100 * spread).toFixed(0)} % is left`,
    );
  }
  if (latency) {
    const { milliseconds, spread, threads, context } = latency;
    const told = `${milliseconds.toPrecision(3)} ± ${spread.toPrecision(2)} ms`;
    lines.push(`a token is decoded in ${told} on this device, ${threads} threads, ${context} tokens in the KV cache`);
  }
  return lines;
}
