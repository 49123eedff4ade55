import * as Plot from '@observablehq/plot';
import { bothWidths, draw, PREDICTED } from './drawing.ts';
import { bits, klText } from './format.ts';
import type { Assignment } from './types.ts';

/** Upper limits of the heat map's steps in bits per weight; each has a colour `--heat-1` … in the stylesheet. */
export const HEAT_STEPS = [2.7, 3.5, 4.3, 5.2, 6.3, 8.6, Infinity] as const;

export function heatStep(bitsPerWeight: number): number {
  return HEAT_STEPS.findIndex((limit) => bitsPerWeight <= limit) + 1;
}

/** Least side of a cell whose number can be read. */
const READABLE = 22;

/** Bits per weight of every matrix inside the blocks: roles down and layers across, or on phones the other way round. */
export function bitsChart(assignments: readonly Assignment[]): string {
  const inBlocks = assignments.filter(({ layer }) => layer >= 0);
  if (inBlocks.length === 0) return '';
  return bothWidths((width) => (width === 'wide' ? bitsAcross(inBlocks) : bitsDown(inBlocks)));
}

function bitsAcross(inBlocks: readonly Assignment[]): string {
  const { roles, layers } = extent(inBlocks);
  const cell = Math.max(9, Math.min(64, Math.floor(760 / layers)));
  return draw('Bits per weight by role and layer', {
    width: 100 + cell * layers,
    height: 40 + 28 * roles.length,
    marginLeft: 96,
    marginRight: 4,
    marginTop: 4,
    marginBottom: 36,
    padding: 0.06,
    x: { type: 'band', label: 'layer', domain: layerNumbers(layers), tickSize: 0, ticks: layerTicks(layers, cell) },
    y: { type: 'band', label: null, domain: roles, tickSize: 0 },
    color: { type: 'identity' },
    marks: cells(inBlocks, { x: 'layer', y: 'role' }, cell >= READABLE ? Math.min(11, 0.4 * cell) : undefined),
  });
}

function bitsDown(inBlocks: readonly Assignment[]): string {
  const { roles, layers } = extent(inBlocks);
  return draw('Bits per weight by layer and role', {
    width: 340,
    height: 84 + 19 * layers,
    marginLeft: 30,
    marginRight: 4,
    marginTop: 80,
    marginBottom: 4,
    padding: 0.06,
    x: { type: 'band', label: null, domain: roles, tickSize: 0, axis: 'top', tickRotate: -60 },
    y: { type: 'band', label: null, domain: layerNumbers(layers), tickSize: 0 },
    color: { type: 'identity' },
    marks: cells(inBlocks, { x: 'role', y: 'layer' }, roles.length <= 14 ? 10 : undefined),
  });
}

function extent(inBlocks: readonly Assignment[]): { readonly roles: string[]; readonly layers: number } {
  const roles = [...new Set(inBlocks.map(({ role }) => role))];
  return { roles, layers: Math.max(...inBlocks.map(({ layer }) => layer)) + 1 };
}

function layerNumbers(layers: number): number[] {
  return Array.from({ length: layers }, (_, i) => i);
}

/** @param fontSize of the numbers in the cells; undefined where they would not fit */
function cells(
  inBlocks: readonly Assignment[],
  channels: { readonly x: string; readonly y: string },
  fontSize: number | undefined,
): Plot.Markish[] {
  const marks: Plot.Markish[] = [
    Plot.cell(inBlocks, {
      ...channels,
      fill: ({ bitsPerWeight }: Assignment) => `var(--heat-${heatStep(bitsPerWeight)})`,
      rx: 3,
      title: ({ tensor, format, bitsPerWeight }: Assignment) =>
        `${tensor}: ${format}, ${bits(bitsPerWeight)} bits per weight`,
    }),
  ];
  if (fontSize !== undefined)
    marks.push(
      Plot.text(inBlocks, {
        ...channels,
        text: ({ bitsPerWeight }: Assignment) => bitsPerWeight.toFixed(1),
        fill: ({ bitsPerWeight }: Assignment) => `var(--on-heat-${heatStep(bitsPerWeight)})`,
        fontSize,
        pointerEvents: 'none',
      }),
    );
  return marks;
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
      domain: [0, Math.max(...data.map((bar) => bar.loss + 1.645 * bar.error))],
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
        x1: (bar: Bar) => Math.max(0, bar.loss - 1.645 * bar.error),
        x2: (bar: Bar) => bar.loss + 1.645 * bar.error,
        stroke: 'var(--ink)',
        strokeWidth: 1.25,
      }),
    ],
  });
}
