import { bits, grouped, klText, megabytes, percent } from './format.ts';
import { KL_SCALE_LINE, klWords } from './scale.ts';
import { formatTable, type TextTable } from './summary.ts';
import type { ReportData } from './types.ts';

/**
 * A README.md for a hub: what hubs read (base model, licence, library, tags), what people ask (how good, how large, how to run it).
 * @see https://huggingface.co/docs/hub/model-cards
 */
export function modelCardText(data: ReportData): string {
  const { model, result } = data;
  const file = result.file.split(/[\\/]/).at(-1)!;
  return `${[
    header(data),
    `# ${data.title}`,
    `${file} is ${model.baseModel ?? model.name} quantized by bitbudget${version(data)}, a format for every matrix of its own.`,
    quality(data),
    KL_SCALE_LINE[0].toUpperCase() + KL_SCALE_LINE.slice(1) + ' (nats per token against the original).',
    table(sizes(data)),
    '## Run it',
    code('llama.cpp', `llama-cli -m ${file} -p "Once upon a time"`),
    code(
      'Ollama',
      `echo "FROM ./${file}" > Modelfile && ollama create ${slug(model.name)} -f Modelfile && ollama run ${slug(model.name)}`,
    ),
    code('bitbudget', `bitbudget run ${file} -p "Once upon a time"`),
    '## What it is made of',
    table(formatTable(data)),
    ...made(data),
  ].join('\n\n')}\n`;
}

function header({ model }: ReportData): string {
  const fields = [
    ...(model.baseModel?.includes('/') ? [`base_model: ${model.baseModel}`, 'base_model_relation: quantized'] : []),
    ...(model.license === undefined ? [] : [`license: ${model.license}`]),
    'library_name: gguf',
    'pipeline_tag: text-generation',
    'tags:\n- gguf\n- quantized\n- bitbudget',
  ];
  return `---\n${fields.join('\n')}\n---`;
}

function version({ versions }: ReportData): string {
  return versions?.['bitbudget'] === undefined ? '' : ` ${versions['bitbudget']}`;
}

function quality({ evaluation, result }: ReportData): string {
  if (evaluation) {
    const { kl, topAgreement, tokens, perplexity, referencePerplexity } = evaluation;
    if (!topAgreement || !perplexity || !referencePerplexity)
      return `Measured on ${grouped(tokens)} texts it was not made with: 1 − cosine ${klText(kl.mean)} ± ${klText(kl.standardError)} of their vectors and the original's.`;
    return (
      `Measured on ${grouped(tokens)} tokens of text it was not made with: KL divergence ${klText(kl.mean)} ± ${klText(kl.standardError)}, ` +
      `${klWords(kl.mean)}. The most probable token is the original's in ${percent(topAgreement.mean)} of places; ` +
      `perplexity ${perplexity.mean.toFixed(2)}, the original's ${referencePerplexity.mean.toFixed(2)}.`
    );
  }
  if (result.predictedKl === undefined) return 'Its loss was not measured.';
  return `Predicted KL divergence ${klText(result.predictedKl)}: ${klWords(result.predictedKl)}. It was not measured.`;
}

/** The file, the original and what one would take otherwise. */
function sizes({ model, result, evaluation, peers = [] }: ReportData): TextTable {
  const row = (name: string, bytes: number, kl: string): string[] => [
    name,
    megabytes(bytes),
    bits((8 * bytes) / model.parameters),
    kl,
  ];
  const own = evaluation?.kl.mean ?? result.predictedKl;
  return {
    head: ['file', 'size', 'bits per weight', 'KL'],
    rows: [
      row('this file', result.fileBytes, own === undefined ? '–' : klText(own)),
      ...peers.map(({ label, bytes, kl, standardError }) =>
        row(label, bytes, `${klText(kl)}${standardError === undefined ? ' (predicted)' : ''}`),
      ),
      row('original', model.originalBytes, '0'),
    ],
  };
}

function made({ command, calibration, date }: ReportData): string[] {
  if (command === undefined) return [];
  const text =
    calibration === undefined ? '' : `, measured on ${calibration.name} (SHA-256 ${calibration.sha256.slice(0, 16)}…)`;
  return ['## How it was made', code(`${date?.slice(0, 10) ?? ''}${text}`.replace(/^, /, ''), withoutPaths(command))];
}

/** Folders of the maker's machine say nothing to others. */
function withoutPaths(command: string): string {
  return command
    .split(' ')
    .map((word) => (word.startsWith('hf:') ? word : word.replace(/^.*\//, '')))
    .join(' ');
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-');
}

function code(label: string, command: string): string {
  return `${label}:\n\n    ${command}`;
}

function table({ head, rows }: TextTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
