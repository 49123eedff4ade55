import * as Plot from '@observablehq/plot';
import { draw } from './drawing.ts';
import { bits, grouped } from './format.ts';
import { escapeHtml, page, section, table } from './page.ts';
import type { FamilyCurve, FamilyData } from './types.ts';

/** Colours of the page, one model after the other, with dashes beyond them. */
const COLOURS = ['var(--predicted)', 'var(--measured)', 'var(--peer)'];
const DASHES = ['', '6 3', '2 3'];

function strokeOf(index: number): { stroke: string; strokeDasharray: string } {
  const dash = DASHES[Math.floor(index / COLOURS.length) % DASHES.length];
  return { stroke: COLOURS[index % COLOURS.length], strokeDasharray: dash };
}

/**
 * All models of a family in one plot: loss over file size, with the originals as levels and what was measured as points.
 * @see Dettmers and Zettlemoyer, "The case for 4-bit precision", ICML 2023, figure 1
 */
export function familyHtml({ members, best }: FamilyData): string {
  const legend = members.map(
    ({ model }, i) =>
      `<span><svg width="28" height="10" style="display:inline"><line x1="0" y1="5" x2="28" y2="5" stroke="${strokeOf(i).stroke}" stroke-width="2.5" stroke-dasharray="${strokeOf(i).strokeDasharray}"/></svg> ${escapeHtml(model)}</span>`,
  );
  const rows = best.map(({ model, bytes, bitsPerWeight, loss }) => [
    grouped(bytes),
    model,
    bits(bitsPerWeight),
    loss.toFixed(4),
  ]);
  return page(
    `${members.map(({ model }) => model).join(', ')}: which model, in how many bits`,
    [
      'Cross-entropy on held-out text, in bits per byte of text: lower is better. Every point is the best plan of its size.',
    ],
    [
      section(
        'Loss over file size',
        'Lines: predicted. Points: measured. Faint levels: the original models.',
        `<div class="legend">${legend.join('')}</div>${familyChart(members)}`,
      ),
      section('Best at every size', '', table({ head: ['bytes', 'model', 'bits/weight', 'bits per byte'], rows })),
    ].join('\n'),
  );
}

/** Loss of every model over file size, on a logarithmic axis of bytes. */
export function familyChart(members: readonly FamilyCurve[]): string {
  const megabytes = ({ bytes }: { readonly bytes: number }): number => bytes / 1e6;
  return draw('Loss of every model over file size', {
    width: 860,
    height: 420,
    marginBottom: 44,
    marginLeft: 60,
    marginRight: 30,
    x: { type: 'log', label: 'file size, MB', grid: true, tickFormat: '~s' },
    y: { label: 'bits per byte', grid: true, nice: true },
    marks: members.flatMap(({ loss, points, measured }, i) => {
      const line = strokeOf(i);
      return [
        Plot.ruleY([loss], { ...line, strokeOpacity: 0.35 }),
        Plot.line(points, { x: megabytes, y: 'loss', ...line, strokeWidth: 2 }),
        Plot.ruleX(measured, {
          x: megabytes,
          y1: (point: FamilyCurve['measured'][number]) => point.loss - 1.96 * point.standardError,
          y2: (point: FamilyCurve['measured'][number]) => point.loss + 1.96 * point.standardError,
          stroke: line.stroke,
        }),
        Plot.dot(measured, { x: megabytes, y: 'loss', r: 5, fill: line.stroke, stroke: 'var(--surface)' }),
      ];
    }),
  });
}
