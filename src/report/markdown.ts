import {
  evaluationTable,
  formatTable,
  measuredTable,
  solverTable,
  type TextTable,
  tiles,
  timingTable,
} from './summary.ts';
import type { ReportData } from './types.ts';

/** The report's figures and tables as Markdown, for model cards and pull requests. */
export function reportMarkdown(data: ReportData): string {
  const figures: TextTable = {
    head: ['', ...tiles(data).map(({ label }) => label)],
    rows: [
      ['', ...tiles(data).map(({ value }) => value)],
      ['', ...tiles(data).map(({ note }) => note)],
    ],
  };
  const sections: [string, TextTable][] = [
    ['Predicted and measured', evaluationTable(data)],
    ['Measured files', measuredTable(data)],
    ['Solver', solverTable(data)],
    ['Where the bytes go', formatTable(data)],
    ['Time', timingTable(data)],
  ];
  const parts = [`# ${data.title}`, table(figures)];
  for (const [title, content] of sections) if (content.rows.length > 0) parts.push(`## ${title}`, table(content));
  if (data.commands.length > 0)
    parts.push('## Run it', ...data.commands.map(({ label, command }) => `${label}:\n\n    ${command}`));
  if (data.notes?.length) parts.push(data.notes.map((note) => `- ${note}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function table({ head, rows }: TextTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
