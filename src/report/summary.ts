import { bits, errorText, grouped, klText, megabytes, percent, seconds, withError } from './format.ts';
import type { Assignment, Mean, ReportData } from './types.ts';

/** A table as both HTML and Markdown show it: a head and rows of plain text. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The figures at the top of the page. */
export interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

export function tiles({ result, evaluation, model }: ReportData): Tile[] {
  const tiles: Tile[] = [
    { label: 'File', value: megabytes(result.fileBytes), note: budgetNote(result) },
    {
      label: 'Bits per weight',
      value: bits(result.bitsPerWeight),
      note: `${percent(result.fileBytes / model.originalBytes)} of the original's ${megabytes(model.originalBytes)}`,
    },
  ];
  if (result.predictedKl !== undefined)
    tiles.push({ label: 'Predicted KL', value: klText(result.predictedKl), note: predictionNote(result) });
  if (evaluation) {
    const { kl, tokens, topAgreement, perplexity, referencePerplexity } = evaluation;
    const error = `± ${errorText(kl.mean, kl.standardError)}`;
    if (!topAgreement || !perplexity || !referencePerplexity)
      tiles.push({
        label: '1 − cosine',
        value: klText(kl.mean),
        note: `${error} of ${grouped(tokens)} held-out texts`,
      });
    else
      tiles.push(
        { label: 'Measured KL', value: klText(kl.mean), note: `${error} nats per token` },
        {
          label: 'Same top token',
          value: percent(topAgreement.mean),
          note: `of ${grouped(tokens)} held-out tokens`,
        },
        {
          label: 'Perplexity',
          value: perplexity.mean.toFixed(2),
          note: `original ${referencePerplexity.mean.toFixed(2)}`,
        },
      );
  }
  return tiles;
}

function budgetNote({ fileBytes, targetBytes }: ReportData['result']): string {
  if (targetBytes === undefined) return `${grouped(fileBytes)} bytes`;
  return `${percent(fileBytes / targetBytes)} of a budget of ${megabytes(targetBytes)}`;
}

function predictionNote({ predictedInterval, predictedKlError, corrected }: ReportData['result']): string {
  if (predictedInterval === undefined) return errorNote(predictedKlError);
  const range = `${klText(predictedInterval.low)} to ${klText(predictedInterval.high)} in nine of ten`;
  return corrected === false ? `${range}; not yet corrected` : range;
}

function errorNote(error: number | undefined): string {
  return error === undefined ? 'nats per token' : `± ${klText(error)} nats per token`;
}

/** What was predicted next to what was measured, plan by plan where several were tried. */
export function evaluationTable({ result, evaluation }: ReportData): TextTable {
  const rows: string[][] = [];
  if (result.predictedKl !== undefined)
    rows.push(['KL, predicted', withError(result.predictedKl, result.predictedKlError)]);
  if (result.predictedInterval) {
    const { low, high } = result.predictedInterval;
    rows.push(['nine of ten lie in', `${klText(low)} to ${klText(high)}`]);
  }
  if (evaluation) {
    const { kl, klQuantiles: quantiles, perplexity, referencePerplexity, topAgreement } = evaluation;
    rows.push(['KL, measured', withError(kl.mean, kl.standardError)]);
    if (result.predictedKl !== undefined)
      rows.push(['measured ÷ predicted', (kl.mean / result.predictedKl).toFixed(2)]);
    rows.push(
      ['KL of the median token', klText(quantiles.median)],
      ['KL of 90 % / 99 % of tokens at most', `${klText(quantiles.p90)} / ${klText(quantiles.p99)}`],
      ['largest KL of a token', klText(quantiles.max)],
      ...(perplexity ? [['perplexity', estimateText(perplexity, (value) => value.toFixed(3))]] : []),
      ...(referencePerplexity
        ? [["original's perplexity", estimateText(referencePerplexity, (value) => value.toFixed(3))]]
        : []),
      ...(topAgreement ? [['same top token', estimateText(topAgreement, percent)]] : []),
      [topAgreement ? 'scored tokens' : 'texts', grouped(evaluation.tokens)],
    );
  }
  return {
    head: ['on held-out text', ''],
    rows: rows.filter(([, value]) => !value.includes('NaN') && !value.includes('Infinity')),
  };
}

const estimateText = ({ mean, standardError }: Mean, show: (value: number) => string): string =>
  withError(mean, standardError, show);

export function solverTable({ result }: ReportData): TextTable {
  const { solver } = result;
  if (!solver) return { head: ['', ''], rows: [['plan', 'given, not solved for']] };
  return {
    head: ['', ''],
    rows: [
      ['status', solver.status],
      ['predicted KL', klText(result.predictedKl ?? 0)],
      ['proven lower bound', klText(solver.bound)],
      ...(solver.gap > 0 ? [['distance from it', klText(solver.gap)]] : []),
      ['rounding', result.rounding],
    ],
  };
}

export function formatTable({ assignments }: ReportData): TextTable {
  const all = total(assignments);
  const rows = [...Map.groupBy(assignments, ({ format }) => format)]
    .map(([format, members]) => ({ format, members, ...total(members) }))
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ format, members, weights, bytes }) => [
      format,
      String(members.length),
      grouped(weights),
      percent(weights / all.weights),
      grouped(bytes),
      megabytes(bytes),
      bits((8 * bytes) / weights),
    ]);
  return { head: ['format', 'matrices', 'weights', 'share', 'bytes', 'size', 'bits/weight'], rows };
}

export function total(assignments: readonly Assignment[]): { weights: number; bytes: number } {
  return assignments.reduce(
    (sum, { rows, columns, bytes }) => ({ weights: sum.weights + rows * columns, bytes: sum.bytes + bytes }),
    { weights: 0, bytes: 0 },
  );
}

export function assignmentTable({ assignments }: ReportData): TextTable {
  return {
    head: ['tensor', 'shape', 'format', 'bits', 'bytes', 'predicted KL'],
    rows: assignments.map(({ tensor, rows, columns, format, bitsPerWeight, bytes, loss, lossError }) => [
      tensor,
      `${rows} × ${columns}`,
      format,
      bits(bitsPerWeight),
      grouped(bytes),
      loss === undefined ? '–' : withError(loss, lossError ?? 0),
    ]),
  };
}

export function measuredTable({ measured, peers = [] }: ReportData): TextTable {
  const rows = [...measured, ...peers].map(({ label, bytes, kl, standardError }) => [
    label,
    grouped(bytes),
    megabytes(bytes),
    standardError === undefined ? `${klText(kl)} predicted` : withError(kl, standardError),
  ]);
  return { head: ['file', 'bytes', 'size', 'KL'], rows };
}

export function timingTable({ timings }: ReportData): TextTable {
  const all = timings.reduce((sum, timing) => sum + timing.seconds, 0);
  return {
    head: ['step', 'time'],
    rows: [...timings.map((timing) => [timing.step, seconds(timing.seconds)]), ['all', seconds(all)]],
  };
}
