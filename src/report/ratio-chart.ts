import * as Plot from '@observablehq/plot';
import { draw, logTicks, PREDICTED, type Width } from './drawing.ts';
import { klText, megabytes, percent } from './format.ts';
import type { FrontierSample } from './types.ts';

/** A sample that knows its share of weights in low precision. */
type Sample = FrontierSample & { readonly quantizationRatio: number };

/**
 * Predicted KL of the best plans over their quantization ratio. KL on a logarithmic axis; empty where samples know no ratio.
 * @see Cao et al., "Scaling laws for mixed quantization", 2024
 */
export function ratioChart(frontier: readonly FrontierSample[], width: Width = 'wide'): string {
  const samples = frontier.filter(
    (sample): sample is Sample => sample.quantizationRatio !== undefined && sample.predictedKl > 0,
  );
  if (samples.length === 0) return '';
  const kls = samples.map(({ predictedKl }) => predictedKl);
  const domain = [Math.min(...kls) / 1.5, Math.max(...kls) * 1.5];
  const isWide = width === 'wide';
  const ticks = logTicks(domain[0], domain[1], isWide ? [1, 2, 5] : [1]);
  const share = ({ quantizationRatio }: Sample): number => 100 * quantizationRatio;
  return draw('Predicted KL over the share of weights in low precision', {
    width: isWide ? 860 : 340,
    height: isWide ? 300 : 260,
    marginBottom: 44,
    marginLeft: isWide ? 60 : 46,
    marginRight: isWide ? 30 : 16,
    x: { label: 'weights in formats below 5 bits, %', grid: true, domain: [0, 100] },
    y: { type: 'log', domain, axis: null },
    marks: [
      Plot.gridY(ticks),
      Plot.axisY(ticks, { text: (tick: number) => klText(tick), label: 'KL, nats per token' }),
      Plot.line(samples, { x: share, y: 'predictedKl', stroke: PREDICTED, strokeWidth: 1.5 }),
      Plot.dot(samples, {
        x: share,
        y: 'predictedKl',
        r: 3.5,
        fill: PREDICTED,
        title: (sample: Sample) =>
          `${megabytes(sample.bytes)}: ${percent(sample.quantizationRatio)}, KL ${klText(sample.predictedKl)}`,
      }),
    ],
  });
}
