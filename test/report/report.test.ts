import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHTML } from 'linkedom';
import { heatStep } from '../../src/report/charts.ts';
import { checkReportData } from '../../src/report/check.ts';
import { familyHtml } from '../../src/report/family.ts';
import { reportHtml } from '../../src/report/html.ts';
import { reportMarkdown } from '../../src/report/markdown.ts';
import { ratioChart } from '../../src/report/ratio-chart.ts';
import type { FamilyCurve } from '../../src/report/types.ts';
import { sampleReport } from './sample.ts';

/** Every number that positions something in a drawing. */
function drawnNumbers(html: string): number[] {
  const attributes = [...html.matchAll(/ (?:x|y|x1|x2|y1|y2|r|width|height|d|transform|points)="([^"]*)"/g)];
  return attributes.flatMap(([, value]) =>
    [...value.matchAll(/-?(?:\d+(?:\.\d+)?(?:e-?\d+)?|NaN|Infinity)/g)].map(([number]) => Number(number)),
  );
}

test('the page shows every part and draws only finite numbers', () => {
  const html = reportHtml(sampleReport());
  const { document } = parseHTML(html);
  const titles = [...document.querySelectorAll('h2')].map((title) => title.textContent);
  assert.deepEqual(titles, [
    'Size against quality',
    'How much can be in low precision',
    'Where the bits went',
    'Most sensitive tensors',
    'Sensitivity by role',
    'Predicted and measured',
    'Solver',
    'Where the bytes go',
    'Run it',
    'What KL means',
    'Measured files',
    'Time',
  ]);
  assert.equal(document.querySelectorAll('.wide svg[role=img]').length, 3);
  assert.equal(document.querySelectorAll('.narrow svg[role=img]').length, 3);
  assert.equal(document.querySelectorAll('svg[role=img]').length, 8);
  for (const drawing of ['.wide', '.narrow'])
    assert.equal(document.querySelectorAll(`${drawing} svg [aria-label=cell] rect`).length, 30 * 7);
  assert.equal(document.querySelectorAll('.tile').length, 6);
  assert.match(html, /bitbudget run out\.gguf -p &#34;Once upon a time&#34;/);
  const numbers = drawnNumbers(html);
  assert.ok(numbers.length > 1000, `${numbers.length} numbers`);
  assert.ok(numbers.every(Number.isFinite));
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

test('numbers of 30 layers stand in their cells, in both drawings', () => {
  const { document } = parseHTML(reportHtml(sampleReport(30)));
  const numbers = (drawing: string) =>
    [...document.querySelectorAll(`${drawing} svg [aria-label=text] text`)].filter((text) =>
      /^\d+\.\d$/.test(text.textContent),
    );
  assert.equal(numbers('.wide').length, 30 * 7);
  assert.equal(numbers('.narrow').length, 30 * 7);
});

test('no drawing of the narrow page is wider than a phone', () => {
  const { document } = parseHTML(reportHtml(sampleReport(30)));
  const widths = [...document.querySelectorAll('.narrow svg')].map((svg) => Number(svg.getAttribute('width')));
  assert.equal(widths.length, 3);
  for (const width of widths) assert.ok(width <= 366, `${width}`);
});

test('the page asks for nothing and runs nothing', () => {
  const html = reportHtml(sampleReport());
  assert.doesNotMatch(html, /https?:/);
  assert.doesNotMatch(html, /<script|<link|<iframe|<img|@import|url\(|\son\w+=/i);
  assert.doesNotMatch(html, /\s(?:src|href|xlink:href)=/);
  assert.match(html, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
});

test('text from a file is escaped', () => {
  const sample = sampleReport(2);
  const evil = '<script>alert(1)</script>"\'&';
  const html = reportHtml({
    ...sample,
    title: evil,
    model: { ...sample.model, name: evil },
    assignments: sample.assignments.map((assignment) => ({ ...assignment, tensor: evil, role: evil, format: evil })),
    measured: [{ label: evil, bytes: 1e6, kl: 0.1, standardError: 0.01 }],
    commands: [{ label: evil, command: evil }],
    notes: [evil],
  });
  assert.doesNotMatch(html, /<script/i);
});

test('a run with nothing but a plan still makes a page', () => {
  const { version, title, model } = sampleReport();
  const html = reportHtml({
    version,
    title,
    model,
    result: { file: 'o', fileBytes: 10, bitsPerWeight: 4, rounding: 'nearest' },
    assignments: [],
    frontier: [],
    measured: [],
    timings: [],
    commands: [],
  });
  assert.doesNotMatch(html, /NaN|undefined|Infinity|<svg/);
});

test('zero losses and a perfect file draw', () => {
  const sample = sampleReport(2);
  const html = reportHtml({
    ...sample,
    assignments: sample.assignments.map(({ sensitivity: _, ...assignment }) => ({
      ...assignment,
      loss: 0,
      lossError: 0,
    })),
    measured: [{ label: 'F32', bytes: 1e6, kl: 0, standardError: 0 }],
    frontier: [
      { bytes: 1e6, predictedKl: 0, low: 0, high: 0 },
      { bytes: 9e5, predictedKl: 0.1, low: 0, high: 0.3 },
    ],
    peers: undefined,
  });
  assert.doesNotMatch(html, /NaN|Infinity/);
  assert.ok(drawnNumbers(html).every(Number.isFinite));
});

test('the curve over the quantization ratio has a point for every size that knows its ratio', () => {
  const { frontier } = sampleReport();
  const dots = (samples: typeof frontier) => [...ratioChart(samples).matchAll(/<circle/g)].length;
  assert.equal(dots(frontier), frontier.length);
  assert.equal(dots(frontier.map((sample, i) => (i < 10 ? { ...sample, quantizationRatio: undefined } : sample))), 30);
  assert.equal(ratioChart(frontier.map((sample) => ({ ...sample, quantizationRatio: undefined }))), '');
});

test('a family is one plot: a curve, a level and measured points of every model, and the best of all in a table', () => {
  const curve = (model: string, from: number, loss: number): FamilyCurve => ({
    model,
    loss,
    points: Array.from({ length: 12 }, (_, i) => ({ bytes: from * (1 + i / 4), loss: loss + 1 / (i + 1) })),
    measured: [{ bytes: 1.5 * from, loss: loss + 0.4, standardError: 0.01 }],
  });
  const names = ['small <1>', 'middle', 'large', 'larger'];
  const html = familyHtml({
    members: names.map((name, i) => curve(name, 1e6 * 3 ** i, 1.6 - 0.1 * i)),
    best: [{ model: 'middle', bytes: 3e6, bitsPerWeight: 4.5, loss: 1.7 }],
  });
  const { document } = parseHTML(html);
  const plot = document.querySelector('svg[role=img]')!;
  assert.equal(plot.querySelectorAll('[aria-label=line] path').length, names.length);
  assert.equal(plot.querySelectorAll('[aria-label=dot] circle').length, names.length);
  assert.equal(plot.querySelectorAll('[aria-label=rule] line').length, 2 * names.length);
  assert.equal(document.querySelectorAll('.legend span').length, names.length);
  assert.equal(document.querySelectorAll('tbody tr').length, 1);
  assert.doesNotMatch(html, /<1>|NaN|undefined|https?:|<script/);
  assert.ok(drawnNumbers(html).every(Number.isFinite));
});

test('heat steps cover every width', () => {
  assert.deepEqual([1.6, 2.7, 3.4, 4.25, 4.5, 6.56, 8.5, 16, 32].map(heatStep), [1, 1, 2, 3, 4, 6, 6, 7, 7]);
});

test('Markdown has the figures and whole tables', () => {
  const markdown = reportMarkdown(sampleReport());
  assert.match(markdown, /^# SmolLM2 135M in 84 000 000 bytes\n/);
  assert.match(markdown, /\| KL, measured \| 0\.055 ± 0\.002 \|/);
  for (const block of markdown.split('\n\n').filter((part) => part.startsWith('|'))) {
    const widths = block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
    assert.equal(new Set(widths).size, 1, block);
  }
});

test('checkReportData rejects what is no saved run', () => {
  const sample = sampleReport(1);
  assert.equal(checkReportData(sample, 'x'), sample);
  assert.throws(() => checkReportData(null, 'x.json'), /x\.json: is no saved run of version 1/);
  assert.throws(() => checkReportData({ ...sample, version: 2 }, 'x.json'), /no saved run/);
  assert.throws(() => checkReportData({ ...sample, frontier: {} }, 'x.json'), /frontier is missing, expected a list/);
  assert.throws(() => checkReportData({ ...sample, result: 3 }, 'x.json'), /result is missing/);
  const broken = JSON.parse(JSON.stringify({ ...sample, timings: [{ step: 'a', seconds: Number.NaN }] }));
  assert.throws(
    () => checkReportData(broken, 'x.json'),
    /x\.json: timings\.0\.seconds is null, expected a finite number/,
  );
});
