import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { bits, klText, megabytes, withError } from './format.ts';
import type { Assignment, FrontierSample, MeasuredPoint, ReportData } from './types.ts';

/*
 * Charts are drawn when the report is written, so that the page needs no script. Colours are the page's CSS variables:
 * light and dark are one drawing.
 */

const document = parseHTML('<!doctype html><html><body></body></html>').document as unknown as Document;

const PREDICTED = 'var(--predicted)';
const MEASURED = 'var(--measured)';
const PEER = 'var(--peer)';

function draw(label: string, options: Plot.PlotOptions): string {
  const chart = Plot.plot({
    document,
    style: { background: 'none', fontSize: '12px', overflow: 'visible' },
    ...options,
  });
  chart.setAttribute('role', 'img');
  chart.setAttribute('aria-label', label);
  // Plot styles by a class of its own in a <style> per chart; the page's stylesheet says the same once.
  for (const style of chart.querySelectorAll('style')) style.remove();
  return chart.outerHTML.replace(/ xmlns(:\w+)?="[^"]*"/g, '');
}

/** Predicted KL over file size with its band, and what was measured. KL on a logarithmic axis. */
export function frontierChart({ frontier, measured, peers = [], result }: ReportData): string {
  const line = frontier.filter((point) => point.predictedKl > 0);
  const points = [...measured, ...peers].filter((point) => point.kl > 0);
  if (line.length + points.length === 0) return '';
  const kls = [...line.map((point) => point.predictedKl), ...points.map((point) => point.kl)];
  const floor = Math.min(...kls) / 1.5;
  const ceiling = Math.max(...kls) * 1.5;
  const atLeast = (value: number) => Math.max(value, floor);
  const own = points.filter((point) => !peers.includes(point));
  const others = points.filter((point) => peers.includes(point));
  const ticks = logTicks(floor, ceiling);
  const marks: Plot.Markish[] = [
    Plot.gridY(ticks),
    // Given as text, because a logarithmic axis drops labels of its own accord.
    Plot.axisY(ticks, { text: (tick: number) => klText(tick), label: 'KL, nats per token' }),
    Plot.areaY(line, {
      x: size,
      y1: (p: FrontierSample) => atLeast(p.low),
      y2: (p: FrontierSample) => atLeast(p.high),
      fill: PREDICTED,
      fillOpacity: 0.15,
    }),
    Plot.lineY(line, { x: size, y: 'predictedKl', stroke: PREDICTED, strokeWidth: 2 }),
    ...pointMarks(others, PEER, 'square', atLeast),
    ...pointMarks(own, MEASURED, 'circle', atLeast),
    labels(others, 'start'),
    // Files of one run lie close together: the last, which is the result, is labelled on the other side.
    labels(own.slice(0, -1), 'end'),
    labels(own.slice(-1), 'start'),
  ];
  if (result.targetBytes !== undefined)
    marks.unshift(Plot.ruleX([result.targetBytes / 1e6], { stroke: 'var(--muted)', strokeDasharray: '4 3' }));
  return draw('Predicted and measured KL over file size', {
    width: 860,
    height: 410,
    marginBottom: 44,
    marginLeft: 60,
    marginRight: 30,
    x: { label: 'file size, MB', grid: true, nice: true },
    y: { type: 'log', label: 'KL, nats per token', domain: [floor, ceiling], axis: null },
    marks,
  });
}

function size({ bytes }: { bytes: number }): number {
  return bytes / 1e6;
}

/** 1, 2 and 5 of each decade in [least, most]. */
function logTicks(least: number, most: number): number[] {
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(least)); decade <= Math.log10(most); decade++)
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${decade}`));
  return ticks.filter((tick) => tick >= least && tick <= most);
}

function pointMarks(
  points: MeasuredPoint[],
  color: string,
  symbol: 'circle' | 'square',
  atLeast: (value: number) => number,
): Plot.Markish[] {
  const title = ({ label, bytes, kl, standardError }: MeasuredPoint) =>
    `${label}: ${megabytes(bytes)}, KL ${withError(kl, standardError)}`;
  return [
    Plot.ruleX(points, {
      x: size,
      y1: (p: MeasuredPoint) => atLeast(p.kl - 1.96 * p.standardError),
      y2: (p: MeasuredPoint) => p.kl + 1.96 * p.standardError,
      stroke: color,
      strokeWidth: 1.5,
    }),
    Plot.dot(points, {
      x: size,
      y: 'kl',
      r: 5,
      symbol,
      fill: color,
      stroke: 'var(--surface)',
      strokeWidth: 1.5,
      title,
    }),
  ];
}

/** @param anchor side of the point that the label begins at */
function labels(points: MeasuredPoint[], anchor: 'start' | 'end'): Plot.Markish {
  return Plot.text(points, {
    x: size,
    y: 'kl',
    text: 'label',
    dx: anchor === 'start' ? 9 : -9,
    dy: -7,
    textAnchor: anchor,
    fill: 'var(--ink-2)',
    stroke: 'var(--surface)',
    strokeWidth: 3,
  });
}

/** Upper limits of the heat map's steps in bits per weight; each has a colour `--heat-1` … in the stylesheet. */
export const HEAT_STEPS = [2.7, 3.5, 4.3, 5.2, 6.3, 8.6, Infinity] as const;

export function heatStep(bitsPerWeight: number): number {
  return HEAT_STEPS.findIndex((limit) => bitsPerWeight <= limit) + 1;
}

/** Bits per weight of every matrix inside the blocks: roles down, layers across. */
export function bitsChart(assignments: readonly Assignment[]): string {
  const inBlocks = assignments.filter(({ layer }) => layer >= 0);
  if (inBlocks.length === 0) return '';
  const roles = [...new Set(inBlocks.map(({ role }) => role))];
  const layers = Math.max(...inBlocks.map(({ layer }) => layer)) + 1;
  const cell = Math.max(9, Math.min(64, Math.floor(760 / layers)));
  const labels = cell >= 26;
  return draw('Bits per weight by role and layer', {
    width: 100 + cell * layers,
    height: 40 + 28 * roles.length,
    marginLeft: 96,
    marginRight: 4,
    marginTop: 4,
    marginBottom: 36,
    padding: 0.06,
    x: {
      type: 'band',
      label: 'layer',
      domain: Array.from({ length: layers }, (_, i) => i),
      tickSize: 0,
      ticks: layerTicks(layers, cell),
    },
    y: { type: 'band', label: null, domain: roles, tickSize: 0 },
    color: { type: 'identity' },
    marks: [
      Plot.cell(inBlocks, {
        x: 'layer',
        y: 'role',
        fill: ({ bitsPerWeight }: Assignment) => `var(--heat-${heatStep(bitsPerWeight)})`,
        rx: 3,
        title: ({ tensor, format, bitsPerWeight }: Assignment) =>
          `${tensor}: ${format}, ${bits(bitsPerWeight)} bits per weight`,
      }),
      ...(labels
        ? [
            Plot.text(inBlocks, {
              x: 'layer',
              y: 'role',
              text: ({ bitsPerWeight }: Assignment) => bitsPerWeight.toFixed(1),
              fill: ({ bitsPerWeight }: Assignment) => `var(--on-heat-${heatStep(bitsPerWeight)})`,
              fontSize: 11,
              pointerEvents: 'none',
            }),
          ]
        : []),
    ],
  });
}

function layerTicks(layers: number, cell: number): number[] {
  const step = cell >= 18 ? 1 : cell >= 12 ? 2 : 5;
  return Array.from({ length: Math.ceil(layers / step) }, (_, i) => i * step);
}

/** A sensitivity to draw: predicted KL with its standard error. */
interface Bar {
  readonly name: string;
  readonly loss: number;
  readonly error: number;
}

const TOP_TENSORS = 20;

/** The most sensitive tensors, all priced at one format where the run knows it. */
export function tensorChart(assignments: readonly Assignment[]): string {
  const bars = assignments
    .map((assignment) => ({ name: assignment.tensor, ...sensitivity(assignment) }))
    .sort((a, b) => b.loss - a.loss)
    .slice(0, TOP_TENSORS);
  return barChart('Most sensitive tensors', bars);
}

/** Sensitivities of all tensors of a role together. */
export function roleChart(assignments: readonly Assignment[]): string {
  const bars = [...Map.groupBy(assignments, ({ role }) => role)].map(([name, members]) => {
    const parts = members.map(sensitivity);
    return {
      name,
      loss: parts.reduce((sum, part) => sum + part.loss, 0),
      error: Math.hypot(...parts.map((part) => part.error)),
    };
  });
  return barChart(
    'Sensitivity by role',
    bars.sort((a, b) => b.loss - a.loss),
  );
}

function sensitivity({ sensitivity: common, loss = 0, lossError = 0 }: Assignment): { loss: number; error: number } {
  return common ? { loss: common.loss, error: common.lossError } : { loss, error: lossError };
}

function barChart(label: string, bars: readonly Bar[]): string {
  const shown = bars.filter(({ loss }) => loss > 0);
  if (shown.length === 0) return '';
  const data = [...shown];
  return draw(label, {
    width: 420,
    height: 48 + 18 * data.length,
    marginLeft: 150,
    marginRight: 16,
    marginTop: 4,
    marginBottom: 40,
    x: {
      label: 'predicted KL, nats per token',
      grid: true,
      ticks: 4,
      domain: [0, Math.max(...data.map((bar) => bar.loss + 1.96 * bar.error))],
    },
    y: { label: null, domain: data.map(({ name }) => name), tickSize: 0, padding: 0.3 },
    marks: [
      Plot.barX(data, {
        x: 'loss',
        y: 'name',
        fill: PREDICTED,
        fillOpacity: 0.75,
        title: (bar: Bar) => `${bar.name}: ${klText(bar.loss)} ± ${klText(bar.error)}`,
      }),
      Plot.ruleY(data, {
        y: 'name',
        x1: (bar: Bar) => Math.max(0, bar.loss - 1.96 * bar.error),
        x2: (bar: Bar) => bar.loss + 1.96 * bar.error,
        stroke: 'var(--ink)',
        strokeWidth: 1.25,
      }),
    ],
  });
}
