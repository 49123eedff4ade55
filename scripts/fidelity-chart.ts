/**
 * Draws docs/fidelity.svg from the README's table "Fidelity at equal bytes": KL of SmolLM2-135M over file size, llama-quantize
 * beside bitbudget. Usage: node scripts/fidelity-chart.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

interface Point {
  readonly name: string;
  readonly megabytes: number;
  readonly kl: number;
  readonly by: string;
}

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const rows = [...readme.matchAll(/^\| (\w+) \| ([\d ]+) \| ([\d.]+) ± [\d.]+ \| ([\d.]+) ± [\d.]+ \| [\d.]+ \|/gm)];
const points = rows.flatMap(([, name, bytes, theirs, ours]): Point[] => {
  const megabytes = Number(bytes.replaceAll(' ', '')) / 1e6;
  return [
    { name, megabytes, kl: Number(theirs), by: 'llama-quantize' },
    { name, megabytes, kl: Number(ours), by: 'bitbudget' },
  ];
});
if (points.length < 12) throw new Error(`README.md: ${rows.length} rows of fidelity found, expected at least 6`);

const TICKS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

const document = parseHTML('<!doctype html><html><body></body></html>').document as unknown as Document;
const chart = Plot.plot({
  document,
  width: 760,
  height: 380,
  marginLeft: 56,
  marginBottom: 42,
  marginRight: 60,
  style: { background: '#ffffff', color: '#16202b', fontSize: '12px', fontFamily: 'sans-serif' },
  x: { label: 'file size, MB', grid: true, nice: true },
  y: { type: 'log', domain: [0.005, 0.8], axis: null },
  color: { domain: ['llama-quantize', 'bitbudget'], range: ['#c8500a', '#2a6fc9'] },
  marks: [
    Plot.gridY(TICKS),
    Plot.axisY(TICKS, { text: String, label: 'KL against the original, nats per token (lower is better)' }),
    Plot.line(points, { x: 'megabytes', y: 'kl', stroke: 'by', strokeWidth: 2, sort: 'megabytes' }),
    Plot.dot(points, { x: 'megabytes', y: 'kl', fill: 'by', r: 4 }),
    Plot.text(
      points.filter(({ by }) => by === 'llama-quantize'),
      { x: 'megabytes', y: 'kl', text: 'name', dx: 7, dy: -8, textAnchor: 'start', fill: '#465462' },
    ),
    Plot.text(points.slice(-2), { x: 'megabytes', y: 'kl', text: 'by', fill: 'by', dy: 16, textAnchor: 'end' }),
  ],
});
chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
chart.setAttribute('role', 'img');
chart.setAttribute('aria-label', 'KL of SmolLM2-135M over file size: llama-quantize and bitbudget');
writeFileSync(new URL('../docs/fidelity.svg', import.meta.url), `${chart.outerHTML}\n`);
