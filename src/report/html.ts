import { bitsChart, HEAT_STEPS, heatStep, roleChart, tensorChart } from './charts.ts';
import { bothWidths } from './drawing.ts';
import { bits, grouped, klText } from './format.ts';
import { frontierChart } from './frontier-chart.ts';
import { escapeHtml, page, section, table } from './page.ts';
import { ratioChart } from './ratio-chart.ts';
import { KL_SCALE, KL_SCALE_LINE, klWords } from './scale.ts';
import {
  assignmentTable,
  evaluationTable,
  formatTable,
  measuredTable,
  solverTable,
  type TextTable,
  tiles,
  timingTable,
} from './summary.ts';
import type { Assignment, ReportData } from './types.ts';

/**
 * One self-contained page: no scripts, no requests, light and dark. Charts are inline SVG drawn here.
 * @param data checked, see `checkReportData`
 */
export function reportHtml(data: ReportData): string {
  return page(
    data.title,
    [scaleLead(data), modelFacts(data)],
    `<div class="tiles">${tiles(data).map(tile).join('')}</div>
${frontierSection(data)}
${ratioSection(data)}
${bitsSection(data.assignments)}
${sensitivitySection(data.assignments)}
<div class="columns stack">${tableSection('Predicted and measured', evaluationTable(data))}${tableSection('Solver', solverTable(data))}</div>
${tableSection('Where the bytes go', formatTable(data))}
${commandSection(data)}
${scaleSection(data)}
<div class="columns stack">${tableSection('Measured files', measuredTable(data))}${tableSection('Time', timingTable(data))}</div>
<section><details><summary>Every matrix</summary>${table(assignmentTable(data))}</details></section>
${footer(data)}`,
  );
}

/** The answer in one sentence. */
function scaleLead({ evaluation, result }: ReportData): string {
  const kl = evaluation?.kl.mean ?? result.predictedKl;
  if (kl === undefined) return '';
  return `KL ${klText(kl)}: ${klWords(kl)}. (${KL_SCALE_LINE}.)`;
}

function modelFacts({ model }: ReportData): string {
  const { architecture, layers, hidden, vocabulary, parameters } = model;
  return `${model.name}: ${architecture}, ${layers} layers, ${hidden} wide, vocabulary ${grouped(vocabulary)}, ${grouped(parameters)} parameters`;
}

function tile({ label, value, note }: { label: string; value: string; note: string }): string {
  return `<div class="tile"><span>${escapeHtml(label)}</span><b>${escapeHtml(value)}</b><small>${escapeHtml(note)}</small></div>`;
}

function frontierSection(data: ReportData): string {
  const chart = frontierChart(data);
  if (chart === '') return '';
  const legend = [
    data.frontier.length > 0
      ? '<span><i style="background:var(--predicted)"></i>best plan of every size, predicted, with what nine of ten lie in</span>'
      : '',
    data.measured.length > 0
      ? '<span><i class="dot" style="background:var(--measured)"></i>measured on held-out text</span>'
      : '',
    data.peers?.length
      ? '<span><i style="background:var(--peer)"></i>what one would take otherwise: measured in the same way, or hollow where predicted</span>'
      : '',
    data.result.targetBytes === undefined ? '' : '<span><i class="rule"></i>budget</span>',
  ];
  return section(
    'Size against quality',
    'Bits per weight of the whole file, and its size; lower is closer to the original.',
    `<div class="legend">${legend.join('')}</div>${chart}`,
  );
}

function ratioSection({ frontier }: ReportData): string {
  const chart = bothWidths((width) => ratioChart(frontier, width));
  if (chart === '') return '';
  const lead = 'Share of the weights in formats below 5 bits (quantization ratio) in the best plan of every size.';
  return section('How much can be in low precision', lead, chart);
}

function bitsSection(assignments: readonly Assignment[]): string {
  const chart = bitsChart(assignments);
  const outside = assignments.filter(({ layer }) => layer < 0);
  if (chart === '' && outside.length === 0) return '';
  const limits = HEAT_STEPS.map((limit, i) => (limit === Infinity ? `more than ${HEAT_STEPS[i - 1]}` : `to ${limit}`));
  const legend = limits.map((limit, i) => `<span><i style="background:var(--heat-${i + 1})"></i>${limit}</span>`);
  const others = outside.map(
    ({ tensor, format, bitsPerWeight }) =>
      `<span><i style="background:var(--heat-${heatStep(bitsPerWeight)})"></i>${escapeHtml(tensor)}: ${escapeHtml(format)}, ${bits(bitsPerWeight)} bits</span>`,
  );
  const body = `<div class="legend">${legend.join('')}</div>${chart}<div class="legend">${others.join('')}</div>`;
  return section('Where the bits went', 'Bits per weight by role and layer, scales included.', body);
}

function sensitivitySection(assignments: readonly Assignment[]): string {
  const tensors = tensorChart(assignments);
  if (tensors === '') return '';
  const common = [...new Set(assignments.flatMap(({ sensitivity }) => (sensitivity ? [sensitivity.format] : [])))];
  const at = common.length > 0 ? `if it alone were stored in ${common.join(' or ')}` : 'as stored';
  const part = (title: string, chart: string) => section(title, `KL that each would cost ${at}; lines of 90 %.`, chart);
  return `<div class="columns stack">${part('Most sensitive tensors', tensors)}${part('Sensitivity by role', roleChart(assignments))}</div>`;
}

function commandSection({ commands }: ReportData): string {
  if (commands.length === 0) return '';
  return section(
    'Run it',
    '',
    commands.map(({ label, command }) => `${escapeHtml(label)}<pre>${escapeHtml(command)}</pre>`).join(''),
  );
}

/** What a KL means, with the step that this file stands on. */
function scaleSection({ evaluation, result }: ReportData): string {
  const kl = evaluation?.kl.mean ?? result.predictedKl;
  if (kl === undefined) return '';
  const here = KL_SCALE.findLast(({ from }) => kl >= from);
  const rows = KL_SCALE.map((step) => {
    const range = step.from === 0 ? `below ${KL_SCALE[1].from}` : `from ${step.from}`;
    return [range, step.words, step === here ? 'this file' : ''];
  });
  const lead =
    'KL divergence says how far the file’s probabilities for the next token are from the original’s, in nats per token, on average over text.';
  return section('What KL means', lead, table({ head: ['KL', 'what people see', ''], rows }));
}

function footer({ notes = [], date, command, versions = {}, calibration }: ReportData): string {
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    ...(calibration ? [`measured on ${calibration.name}, SHA-256 ${calibration.sha256}`] : []),
    ...notes,
    ...(command === undefined ? [] : [command]),
    [...made, ...(date === undefined ? [] : [date])].join(', ') || 'bitbudget',
  ];
  return `<footer>${lines.map((line) => `<div>${escapeHtml(line)}</div>`).join('')}</footer>`;
}

function tableSection(title: string, content: TextTable): string {
  return content.rows.length === 0 ? '' : section(title, '', table(content));
}
