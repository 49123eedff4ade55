/**
 * What it takes to make programs of a deep network: a llama of 3,000 nodes, narrow, so that its numbers do not matter.
 * Medians of the processor's time, in ms; making a program of all nodes may take 100. `npm run bench -- graph`; `--quick`: fewer rounds.
 */
import { differentiate } from '../src/graph/differentiate.ts';
import { graphDigest } from '../src/graph/digest.ts';
import { allRows } from '../src/graph/rewrite.ts';
import { schedule } from '../src/graph/schedule.ts';
import { lastReader, segment, segmentCount } from '../src/graph/segments.ts';
import { usesOf } from '../src/graph/uses.ts';
import { architectureByName } from '../src/model/architecture.ts';
import type { ModelConfig } from '../src/model/types.ts';
import { decodingParts } from '../src/run/session.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const NODES = 3000;
const LIMIT = 100;
const ROUNDS = process.argv.includes('--quick') ? 3 : 15;

const config: ModelConfig = {
  architecture: 'llama',
  layers: 1,
  hidden: 64,
  feedForward: 128,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  vocabulary: 256,
  contextLength: 1024,
  normEpsilon: 1e-5,
  rope: { theta: 10000, dimensions: 16, style: 'interleaved' },
  tied: false,
};
const { graph: graphOf } = architectureByName('llama', 'bench');
const [one, two] = [1, 2].map((layers) => graphOf({ ...config, layers }).nodes.length);
const deep = { ...config, layers: Math.ceil((NODES - one) / (two - one)) + 1 };

const graph = graphOf(deep);
const whole = allRows(graph);
const count = segmentCount(whole);
const parts = Array.from({ length: count }, (_, index) => segment(whole, index, index + 1));
const capacities = { tokens: 128, sequences: 1, length: 128, context: 1024, wanted: 1 };
const outputs = usesOf(whole).map(({ output }) => output);
const backward = differentiate(whole, whole.outputs, outputs).graph;

/** Steps, with how many nodes each goes over. */
const steps: Record<string, { nodes: number; work: () => unknown }> = {
  'build the network': { nodes: graph.nodes.length, work: () => graphOf(deep) },
  'rewrite it for all rows': { nodes: graph.nodes.length, work: () => allRows(graph) },
  'program for decoding': {
    nodes: graph.nodes.length,
    work: () => schedule(graph, { states: 'stream' }, capacities),
  },
  'program for whole sequences': {
    nodes: whole.nodes.length,
    work: () => schedule(whole, { states: 'whole' }, capacities),
  },
  differentiate: { nodes: whole.nodes.length, work: () => differentiate(whole, whole.outputs, outputs) },
  'program for both directions': {
    nodes: backward.nodes.length,
    work: () => schedule(backward, { states: 'whole' }, capacities),
  },
  'cut into segments': {
    nodes: whole.nodes.length,
    work: () => parts.map((_, index) => segment(whole, index, index + 1)),
  },
  'programs of all segments': {
    nodes: whole.nodes.length,
    work: () => parts.map((part) => schedule(part, { states: 'whole' }, capacities)),
  },
  'last readers of what crosses cuts': {
    nodes: whole.nodes.length,
    work: () => parts.flatMap((part) => part.outputs.map((value) => lastReader(whole, value))),
  },
  'body and head': { nodes: graph.nodes.length, work: () => decodingParts(graph) },
};

/** Median of the processor's time, in ms: what else the machine does counts little. */
function time(work: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  });
  return median(times);
}

const rows = Object.entries(steps).map(([step, { nodes, work }]) => {
  const ms = time(work);
  return { step, nodes, ms: Number(ms.toPrecision(3)), 'µs a node': Number(((1000 * ms) / nodes).toPrecision(2)) };
});
const begin = performance.now();
await graphDigest(graph);
const digest = performance.now() - begin;
console.log(`${machine()}, ${deep.layers} blocks, ${count} segments, ${ROUNDS} rounds`);
console.table(rows);
console.log(`digest ${digest.toPrecision(3)} ms, once`);
const compiled = rows.filter(({ step }) => step.startsWith('program'));
const slow = compiled.filter(({ ms, nodes }) => ms > (LIMIT * nodes) / NODES);
for (const { step, ms } of slow) console.error(`${step}: ${ms} ms, expected at most ${LIMIT} per ${NODES} nodes`);
if (slow.length > 0) process.exitCode = 1;
