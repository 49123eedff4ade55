import type { PlanObjective, PlanPrediction } from '../../allocate/types.ts';
import type { Estimate } from '../../evaluate/types.ts';
import type { Model } from '../../model/types.ts';
import type { Peer } from '../../pipeline/peers/types.ts';
import { klWords } from '../../report/scale.ts';
import { describeBytes, table } from './output.ts';

/** KL in nats per token: three significant digits, never as a power of ten where people read it as a decimal. */
export function formatKl(kl: number): string {
  if (kl === 0) return '0';
  if (kl < MEASURABLE) return `below ${MEASURABLE.toFixed(6)}`;
  if (kl > MEANINGFUL) return `above ${MEANINGFUL}`;
  const digits = Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(kl))));
  return kl.toFixed(digits);
}

/** An error with as many decimals as its value has, and at least one digit that says something. */
function likewise(kl: number, error: number): string {
  if (!(error > 0)) return '0';
  if (error > MEANINGFUL) return 'as much';
  const decimals = formatKl(kl).split('.')[1]?.length ?? 0;
  return error.toFixed(Math.max(decimals, Math.min(8, Math.ceil(-Math.log10(error)))));
}

/** Below this, float32 arithmetic is what one would measure. */
export const MEASURABLE = 1e-6;

/** Above this, nothing of a model is left, however far. */
const MEANINGFUL = 1000;

/** `0.00169 (0.00158 to 0.00181 in nine of ten cases)`, and whether it was corrected. */
export function describePrediction({
  kl,
  klInterval,
  corrected,
}: Pick<PlanPrediction, 'kl' | 'klInterval' | 'corrected'>): string {
  const range = klInterval && `${formatKl(klInterval.low)} to ${formatKl(klInterval.high)} in nine of ten cases`;
  const basis = corrected ? undefined : 'not yet corrected by evaluations of this model';
  const remarks = [range, basis].filter((part) => part !== undefined);
  return remarks.length === 0 ? formatKl(kl) : `${formatKl(kl)} (${remarks.join('; ')})`;
}

export function predictedLine(prediction: PlanPrediction, model?: Model): string {
  if (prediction.refuted) return 'predicted  nothing that holds for this model; go by what is measured';
  return `predicted  ${lossName(model)} ${describePrediction(prediction)}`;
}

/** What a model loses: KL of its next tokens; of encoders 1 − cosine of texts' vectors. */
export function lossName(model?: Model): string {
  return model?.config.embedding === undefined ? 'KL' : '1 − cosine';
}

/** `0.00171 ± 0.00004` */
export function formatKlEstimate({ mean, standardError }: Estimate): string {
  return `${formatKl(mean)} ± ${likewise(mean, standardError)}`;
}

/** With what people see at such a KL. */
export function measuredLine(kl: Estimate, tokens: number, model?: Model): string {
  if (model?.config.embedding !== undefined)
    return `measured   ${lossName(model)} ${formatKlEstimate(kl)} on ${tokens} held-out texts`;
  return `measured   KL ${formatKlEstimate(kl)} on ${tokens} held-out tokens: ${klWords(kl.mean)}`;
}

/** What the solver can promise, and by what it chose where that is not the predicted KL. */
export function solvedLine({ status, kl, gap, objective, byClock }: PlanPrediction): string {
  const prices = objective === undefined ? 'at the measured prices' : `by ${objectiveWords(objective)}`;
  if (status === 'optimal') return `plan       the best there is ${prices}, proven`;
  const value = Math.abs(objective?.value ?? kl);
  const share = value > 0 ? ((100 * gap) / value).toFixed(1) : '0';
  const clock = byClock ? '; the clock ended the search, so another run may find another' : '';
  return `plan       good, not proven best: no plan is more than ${share} % better ${prices}${clock}`;
}

/** `the largest loss of a matrix`, `the sum of hawq-v2, 0.0123` */
function objectiveWords({ metric, objective, value }: PlanObjective): string {
  const what = {
    sum: 'the sum',
    max: 'the largest',
    worst: objective.kind === 'worst' ? `the sum of the ${objective.count} largest` : '',
    quadratic: 'the sum with all pairs',
  }[objective.kind];
  return `${what} of the matrices’ ${metric === 'kl' ? 'losses' : metric}, ${value.toPrecision(4)}`;
}

/** What other files of the model lose, and an answer to "is it better than what I have". */
export function peerLines(
  peers: readonly Peer[],
  own: { readonly fileBytes: number; readonly kl?: number },
  model?: Model,
): string[] {
  if (peers.length === 0) return [];
  const kl = ({ measured, predicted }: Peer): string =>
    measured === undefined ? `${formatKl(predicted!.kl)} predicted` : `${formatKl(measured.mean)} measured`;
  const by = { 'llama-quantize': 'by llama-quantize', 'one type': 'one type', file: 'your file' } as const;
  const rows = peers.map((peer) => [
    peer.kind === 'llama-quantize' ? `${peer.name} ${by[peer.kind]}` : peer.name,
    describeBytes(peer.fileBytes),
    peer.bitsPerWeight.toFixed(2),
    kl(peer),
  ]);
  const [head, ...lines] = table(['instead of', 'size', 'bits', lossName(model)], rows);
  const { fileBytes, kl: lost } = own;
  return [head, ...lines, ...(lost === undefined ? [] : peers.map((peer) => verdict(peer, { fileBytes, kl: lost })))];
}

/** `against    Q4_K_M: 0.74 of its loss in 0.88 of its bytes` */
function verdict(peer: Peer, own: { readonly fileBytes: number; readonly kl: number }): string {
  const theirs = peer.measured?.mean ?? peer.predicted!.kl;
  const bytes = `in ${(own.fileBytes / peer.fileBytes).toFixed(2)} of its bytes`;
  if (!(theirs > 0)) return `against    ${peer.name}, which loses nothing: ${bytes}`;
  const ratio = own.kl / theirs;
  const factor = ratio < 1 ? `${ratio.toFixed(2)} of` : `${ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0)} times`;
  return `against    ${peer.name}: ${factor} its loss ${bytes}`;
}
