import type { PlanPrediction } from '../allocate/types.ts';
import type { Site } from '../model/sites.ts';
import { referenceName } from '../model/source.ts';
import type { Model } from '../model/types.ts';
import type { MeasuredLatency, QuantizeResult } from '../pipeline/quantize.ts';
import { describeSubstitutes } from '../quantize/substitutes.ts';
import { klWords } from '../report/scale.ts';
import type { ReportData } from '../report/types.ts';
import { describeCosts, formatLatency, readWishes } from './support/budgets.ts';
import { expertLines } from './support/experts.ts';
import { mixBits } from './support/formats.ts';
import { describeBytes } from './support/output.ts';
import { formatDuration } from './support/progress.ts';
import { isPlain, type QuantizeCommandOptions } from './support/quantize-options.ts';
import { formatShares } from './support/shares.ts';
import { describeRunning } from './support/sites.ts';
import { formatSize } from './support/size.ts';
import { describeSearch } from './support/solver.ts';
import { measuredLine, peerLines, predictedLine, solvedLine } from './support/words.ts';

/** Files that are made from the record of a run. */
export interface WrittenBeside {
  readonly report?: string;
  readonly modelCard?: string;
}

/** What is said beside the result. */
interface Closing extends WrittenBeside {
  /** Of the model. */
  readonly sites: readonly Site[];
  /** Width of a sliding window that llama.cpp will not keep to, in tokens. */
  readonly lostWindow?: number;
}

/** What a run of `quantize` says at its end, a line each. */
export function summary(
  record: ReportData,
  model: Model,
  options: QuantizeCommandOptions,
  result: QuantizeResult,
  closing: Closing,
): string[] {
  const { plan, evaluation, latency, fileBytes, bitsPerWeight, timings, peers = [] } = result;
  const output = record.result.file;
  const isEncoder = model.config.embedding !== undefined;
  const lines = [`${output}: ${describeBytes(fileBytes)}, ${bitsPerWeight.toFixed(3)} bits per weight`];
  const mix = options.type === undefined ? undefined : mixBits(options.type);
  if (mix !== undefined)
    lines.push(
      `${options.type!.padEnd(10)} is a mix of types of about ${mix} bits per weight: this is the best file of that size`,
    );
  lines.push(
    `formats    ${formatShares(record.assignments)}`,
    ...describeSubstitutes(result.substitutes ?? []).map((line) => `stored     ${line}`),
    ...describeRunning(closing.sites, plan),
  );
  if (result.measurement) lines.push(...expertLines(result.measurement));
  const { prediction } = plan;
  if (prediction) {
    const asked = describeCosts(prediction, Object.keys(readWishes(options) ?? {}));
    if (asked.length > 0) lines.push(`takes      ${asked.join(', ')}`);
    lines.push(solvedLine(prediction), predictedLine(prediction, model));
  }
  lines.push(...describeSearch(plan.search));
  if (evaluation) {
    const { kl, perplexity, referencePerplexity, topAgreement, tokens } = evaluation;
    lines.push(measuredLine(kl, tokens, model));
    if (perplexity && referencePerplexity && topAgreement)
      lines.push(
        `perplexity ${perplexity.mean.toFixed(3)}, ${referenceName(model)} ${referencePerplexity.mean.toFixed(3)}; same top token ${(100 * topAgreement.mean).toFixed(1)} %`,
      );
  } else if (prediction && !isEncoder) lines.push(`           ${klWords(prediction.kl)}`);
  const kl = evaluation?.kl.mean ?? prediction?.kl;
  lines.push(...peerLines(peers, { fileBytes, kl }, model));
  if (isPlain(options)) lines.push(...plainLines(evaluation !== undefined));
  if (latency) lines.push(`latency    ${describeLatency(latency, prediction!)}`);
  if (options.calibration === undefined && result.measurement)
    lines.push('text       the package’s own public-domain books (give yours with --calibration)');
  lines.push(...closingLines(output, timings, { ...closing, isEncoder }));
  return lines;
}

function closingLines(
  output: string,
  timings: QuantizeResult['timings'],
  { report, modelCard, lostWindow, isEncoder }: Closing & { readonly isEncoder: boolean },
): string[] {
  const lines: string[] = [];
  if (lostWindow !== undefined)
    lines.push(
      `window     llama.cpp ignores the model's sliding window of ${lostWindow} tokens: its answers differ on longer texts`,
    );
  const seconds = Object.entries(timings).map(([step, time]) => `${step} ${formatDuration(1000 * time)}`);
  lines.push(`time       ${seconds.join(', ')}; peak memory ${formatSize(1024 * process.resourceUsage().maxRSS)}`);
  if (modelCard) lines.push(`card       ${modelCard}`);
  if (report) lines.push(`report     ${report}`);
  lines.push(
    isEncoder
      ? `use it     bitbudget embed ${output} "a text" "another one"`
      : `run it     bitbudget run ${output} -p "Once upon a time"`,
  );
  return lines;
}

function plainLines(isMeasured: boolean): string[] {
  return [
    'text       none: every weight is rounded to the nearest (give --calibration for weights by importance)',
    ...(isMeasured ? [] : ['measured   not at all (give --evaluation FILE, or compare with bitbudget eval)']),
  ];
}

function describeLatency({ milliseconds, spread, threads, context }: MeasuredLatency, plan: PlanPrediction): string {
  const [predicted] = describeCosts(plan, ['latency']);
  const setting = `${threads} thread${threads > 1 ? 's' : ''}, context ${context}`;
  return `${formatLatency(milliseconds, spread)} measured with the file, ${predicted} predicted; ${setting}`;
}
