import * as Plot from '@observablehq/plot';
import { bothWidths, draw, logTicks, MEASURED, PEER, PREDICTED, type Width } from './drawing.ts';
import { bits, klText, megabytes, withError } from './format.ts';
import { type Frame, placeLabels } from './labels.ts';
import type { ReportData } from './types.ts';

/** Bits per weight between which people decide. */
const SHOWN = [2, 8] as const;
/** Room beside them for files that are compared with. */
const BESIDE = 0.75;
/** Below this a KL is no more than rounding in float32 arithmetic. */
const LEAST_KL = 1e-6;
/** Standard errors on each side of a 90 % interval. */
const NINE_OF_TEN = 1.645;

/** A place in the chart. */
interface Spot {
  readonly label: string;
  readonly bitsPerWeight: number;
  readonly bytes: number;
  readonly kl: number;
  readonly low: number;
  readonly high: number;
  readonly measured: boolean;
}

/** Predicted KL over bits per weight with its band, what was measured, and what one would take otherwise. KL on a logarithmic axis. */
export function frontierChart(data: ReportData): string {
  const spots = spotsOf(data);
  const line = frontierLine(data);
  return line.length + spots.own.length === 0 ? '' : bothWidths((width) => drawFrontier(data, line, spots, width));
}

function frontierLine({ frontier, model }: ReportData): Spot[] {
  return frontier
    .map(({ bytes, predictedKl: kl, low, high }) => ({
      label: 'best plan',
      bitsPerWeight: (8 * bytes) / model.parameters,
      bytes,
      kl,
      low,
      high,
      measured: false,
    }))
    .filter(({ bitsPerWeight, kl }) => kl >= LEAST_KL && bitsPerWeight >= SHOWN[0] && bitsPerWeight <= SHOWN[1]);
}

/** The result and what stands beside it, as far as it can be shown. */
function spotsOf({ measured, peers = [], model }: ReportData): { readonly own: Spot[]; readonly others: Spot[] } {
  const spot = (label: string, bytes: number, kl: number, error: number | undefined): Spot => ({
    label,
    bitsPerWeight: (8 * bytes) / model.parameters,
    bytes,
    kl,
    low: Math.max(LEAST_KL, kl - NINE_OF_TEN * (error ?? 0)),
    high: kl + NINE_OF_TEN * (error ?? 0),
    measured: error !== undefined,
  });
  const isShown = ({ kl, bitsPerWeight }: Spot): boolean =>
    kl >= LEAST_KL && bitsPerWeight > SHOWN[0] - BESIDE && bitsPerWeight < SHOWN[1] + BESIDE;
  const last = measured.slice(-1).map(({ bytes, kl, standardError }) => spot('this file', bytes, kl, standardError));
  return {
    own: last.filter(isShown),
    others: peers.map(({ label, bytes, kl, standardError }) => spot(label, bytes, kl, standardError)).filter(isShown),
  };
}

function drawFrontier(
  { result, model }: ReportData,
  line: readonly Spot[],
  { own, others }: { readonly own: readonly Spot[]; readonly others: readonly Spot[] },
  width: Width,
): string {
  const all = [...line, ...own, ...others];
  const floor = Math.max(LEAST_KL, Math.min(...all.map(({ kl }) => kl)) / 1.5);
  const ceiling = Math.max(...all.map(({ kl }) => kl)) * 1.5;
  const isWide = width === 'wide';
  const yTicks = logTicks(floor, ceiling, isWide ? [1, 2, 5] : [1]);
  const xs = all.map(({ bitsPerWeight }) => bitsPerWeight);
  const domain = [Math.min(SHOWN[0], ...xs), Math.max(SHOWN[1], ...xs)];
  const xTicks = [2, 3, 4, 5, 6, 7, 8];
  const budget = result.targetBytes === undefined ? [] : [(8 * result.targetBytes) / model.parameters];
  const frame = {
    width: isWide ? 860 : 340,
    height: isWide ? 410 : 340,
    marginBottom: 40,
    marginTop: 26,
    marginLeft: isWide ? 60 : 46,
    marginRight: isWide ? 40 : 16,
    x: domain,
    y: [floor, ceiling],
  } as const;
  const marks: Plot.Markish[] = [
    Plot.ruleX(budget, { stroke: 'var(--muted)', strokeDasharray: '4 3' }),
    Plot.gridY(yTicks),
    // Given as text, because a logarithmic axis drops labels of its own accord.
    Plot.axisY(yTicks, { text: plainTick, label: 'KL, nats per token' }),
    Plot.axisX(xTicks, {
      text: (tick: number) =>
        isWide || tick % 2 === 0 ? `${tick}\n${megabytes((tick * model.parameters) / 8)}` : `${tick}`,
      label: null,
      fontSize: isWide ? 12 : 10,
    }),
    Plot.areaY(line, {
      x: 'bitsPerWeight',
      y1: ({ low }: Spot) => Math.max(low, floor),
      y2: ({ high }: Spot) => Math.min(Math.max(high, floor), ceiling),
      fill: PREDICTED,
      fillOpacity: 0.15,
    }),
    Plot.lineY(line, { x: 'bitsPerWeight', y: 'kl', stroke: PREDICTED, strokeWidth: 2 }),
    ...points(others, PEER, 'square', floor),
    ...points(own, MEASURED, 'circle', floor),
    ...labelMarks([...own, ...others], frame, isWide),
  ];
  return draw('Predicted and measured KL over bits per weight', {
    width: frame.width,
    height: frame.height,
    marginBottom: frame.marginBottom,
    marginTop: frame.marginTop,
    marginLeft: frame.marginLeft,
    marginRight: frame.marginRight,
    x: { domain, grid: isWide, axis: null },
    y: { type: 'log', domain: [floor, ceiling], axis: null },
    marks,
  });
}

/** `0.00005`: decimals, however many, because people compare them. */
function plainTick(tick: number): string {
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(tick))));
}

/** Filled where measured, hollow where predicted. */
function points(spots: readonly Spot[], color: string, symbol: 'circle' | 'square', floor: number): Plot.Markish[] {
  const title = ({ label, bytes, bitsPerWeight, kl, high, measured }: Spot): string =>
    `${label}: ${megabytes(bytes)}, ${bits(bitsPerWeight)} bits, KL ${measured ? withError(kl, (high - kl) / NINE_OF_TEN) : `${klText(kl)} predicted`}`;
  return [
    Plot.ruleX(spots, {
      x: 'bitsPerWeight',
      y1: ({ low }: Spot) => Math.max(low, floor),
      y2: 'high',
      stroke: color,
      strokeWidth: 1.5,
    }),
    Plot.dot(spots, {
      x: 'bitsPerWeight',
      y: 'kl',
      r: 5,
      symbol,
      fill: ({ measured }: Spot) => (measured ? color : 'var(--surface)'),
      stroke: ({ measured }: Spot) => (measured ? 'var(--surface)' : color),
      strokeWidth: 1.75,
      title,
    }),
  ];
}

/** Names beside the points, where they run neither over each other nor over the edge. */
function labelMarks(spots: readonly Spot[], frame: Frame, isWide: boolean): Plot.Markish[] {
  const texts = spots.map(({ label }) => (isWide ? label : label.replace(/ \(.*\)| everywhere|\.gguf$/, '')));
  const places = placeLabels(
    spots.map(({ bitsPerWeight, kl }, i) => ({ x: bitsPerWeight, y: kl, text: texts[i] })),
    frame,
  );
  return spots.map((spot, i) =>
    Plot.text([spot], {
      x: 'bitsPerWeight',
      y: 'kl',
      text: () => texts[i],
      ...places[i],
      fill: 'var(--ink-2)',
      stroke: 'var(--surface)',
      strokeWidth: 3,
    }),
  );
}
