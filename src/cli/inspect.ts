import type { Command } from 'commander';
import type { SegmentDescription } from '../graph/describe.ts';
import type { Inspection, Share } from './inspection.ts';
import { graphLines } from './support/graph.ts';
import { addExamples } from './support/help.ts';
import { MODEL_ARGUMENT, modelPath } from './support/model.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { describeBytes, groupDigits, printResult, table } from './support/output.ts';
import { formatSize } from './support/size.ts';

interface InspectOptions extends OutputOptions {
  readonly tensors?: boolean;
  readonly metadata?: boolean;
  readonly graph?: boolean;
}

/** Tokens that memory of a graph is told for: a prompt's chunk. */
const GRAPH_TOKENS = 128;

export function register(program: Command): void {
  const command = program
    .command('inspect')
    .description('show configuration, formats, bytes and bits per weight of a model file')
    .argument('<model>', `${MODEL_ARGUMENT}, or any .safetensors file`)
    .optionsGroup('What else is shown:')
    .option('--tensors', 'list every tensor')
    .option('--metadata', 'list the metadata')
    .option('--graph', 'show the network: segments, ops, shapes, weights, memory');
  addExamples(command, [
    ['inspect model.gguf', 'what is in a file'],
    ['inspect model.gguf --tensors --json', 'all of it for a program'],
    ['inspect model.gguf --graph', 'what is computed, segment by segment'],
  ]);
  addOutputOptions(command).action(async (model: string, options: InspectOptions) => {
    const path = await modelPath(model, options, 'run');
    const { inspect, shares } = await import('./inspection.ts');
    const inspection = await inspect(path);
    const graph = options.graph ? await describedGraph(path) : undefined;
    printResult(options, { ...inspection, ...(graph && { graph }) }, () => [
      ...summary(inspection),
      '',
      ...shareTable(['format'], inspection.formats),
      '',
      ...(options.tensors
        ? tensorTable(inspection)
        : shareTable(['tensor', 'format', 'shape'], shares(inspection.tensors, kindOf))),
      ...(graph ? graphLines(graph, GRAPH_TOKENS) : []),
      ...(options.metadata ? ['', ...[...inspection.metadata].map(([key, value]) => `${key} = ${String(value)}`)] : []),
    ]);
  });
}

/** @throws FormatError for what is no model */
async function describedGraph(path: string): Promise<SegmentDescription[]> {
  const { openModel } = await import('../model/open.node.ts');
  const { describeGraph } = await import('../graph/describe.ts');
  const model = await openModel(path);
  try {
    const sizes = { tokens: GRAPH_TOKENS, wanted: 1, sequences: 1, length: GRAPH_TOKENS, context: GRAPH_TOKENS };
    return describeGraph(model.graph, { states: 'whole' }, sizes);
  } finally {
    await model.close();
  }
}

function summary(inspection: Inspection): string[] {
  const { config } = inspection;
  const size = `${groupDigits(inspection.parameters)} weights, ${describeBytes(inspection.fileBytes)}, ${inspection.bitsPerWeight.toFixed(3)} bits per weight (${formatSize(inspection.tensorBytes)} of it tensors)`;
  const head = [`${inspection.path} (${inspection.container})`, size];
  if (!config) return [...head, `not usable as a model: ${inspection.unsupported}`];
  const heads = `${config.heads} heads of ${config.headDim}, ${config.kvHeads} for keys and values`;
  return [
    ...head,
    `${config.architecture}${config.name ? ` "${config.name}"` : ''}: ${config.layers} layers, ${config.hidden} wide, feed-forward ${config.feedForward}, ${heads}`,
    `vocabulary ${config.vocabulary}, context ${config.contextLength}, ${config.tied ? 'output head tied to the embedding' : 'own output head'}`,
    ...siteLines(inspection),
  ];
}

function siteLines({ sites, roundings }: Inspection): string[] {
  if (sites === undefined) return [];
  const told = Object.values(roundings ?? {});
  const counts = [...Map.groupBy(told, (option) => option)].map(([option, all]) => `${option} ${all.length} times`);
  return [
    `a plan gives precision to ${sites.weight} weights, ${sites.edge} inputs of products and ${sites.state} cached states`,
    ...(counts.length === 0 ? [] : [`rounded while it runs, as the file says: ${counts.join(', ')}`]),
  ];
}

/** What tensors of different layers share: `blk.*.attn_q.weight`, format, shape. */
function kindOf({ name, format, shape }: Inspection['tensors'][number]): string {
  return [name.replace(/\.\d+\./g, '.*.'), format, shape.join(' × ')].join('\t');
}

/** @param labels heads of the columns that a label's tab-separated parts fill */
function shareTable(labels: readonly string[], shares: readonly Share[]): string[] {
  return table(
    [...labels, 'count', 'weights', 'bytes', 'MB', 'bits/weight'],
    shares.map((share) => [
      ...share.label.split('\t'),
      share.tensors,
      groupDigits(share.parameters),
      groupDigits(share.bytes),
      (share.bytes / 1e6).toFixed(2),
      share.bitsPerWeight.toFixed(3),
    ]),
  );
}

function tensorTable({ tensors }: Inspection): string[] {
  return table(
    ['tensor', 'format', 'shape', 'bytes', 'bits/weight'],
    tensors.map((tensor) => [
      tensor.name,
      tensor.format,
      tensor.shape.join(' × '),
      groupDigits(tensor.bytes),
      tensor.bitsPerWeight.toFixed(3),
    ]),
  );
}
