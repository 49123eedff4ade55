import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Graph } from '../../src/graph/types.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { createEncoder } from '../../src/run/encoder.ts';
import { framed, frameOf } from '../../src/text/frame.ts';
import { type ArchitectureCase, dot, slopeAndDifference, written } from './architecture.ts';
import { testKernels } from './kernels.ts';
import { openPeer, type Peer } from './peer.ts';
import { syntheticModel } from './synthetic.ts';

/* What every encoder is held to, as `testArchitecture` holds decoders: its texts' vectors instead of logits. */

export interface EncoderCase extends Pick<ArchitectureCase, 'name' | 'huggingFace' | 'fields' | 'step'> {
  /** The network without one of its attributes, by the attribute's name. */
  readonly variants: (graph: Graph) => Readonly<Record<string, Graph>>;
  /** Largest 1 − cosine of our vectors and llama.cpp's; default 1e-6. */
  readonly bound?: number;
  /** The model, where the fields alone do not make it. */
  readonly open?: () => Promise<Model>;
  /** The network as llama.cpp runs it, where that is not as it was published. */
  readonly inLlamaCpp?: (graph: Graph) => Graph;
}

const BOUND = 1e-6;
/** Of the vectors that are alone and beside others, whose products are summed in another order. */
const SAME = 1e-11;
/** Bits per weight of the job, and tokens of its texts. */
const [BITS, LENGTH] = [9, 32];
/** So many texts at least have one that is clearly the nearest. */
const FEWEST = 4;
/** Two texts that are nearer to each other's distance than this may change places by rounding. */
const NEAR = 0.003;
/** Texts that are compared, each longer than the one before it by this many tokens: beyond windows at the end. */
const [TEXTS, STEP] = [24, 3];

/** Texts as token ids, begun and ended as the model wants. */
export function comparedTexts({ tokenizer, config }: Model): number[][] {
  const [begin, end] = [tokenizer.bos, tokenizer.eos].map((id) => (id === undefined ? [] : [id]));
  const random = new Random(3);
  return Array.from({ length: TEXTS }, (_, i) => [
    ...begin,
    ...Array.from({ length: 1 + STEP * i }, () => 300 + random.integer(config.vocabulary - 300)),
    ...end,
  ]);
}

/** Sequences of random tokens, framed as the model wants. */
function randomTexts(model: Model, sequences: number, seed: number): TokenBatch {
  const random = new Random(seed);
  const ids = Int32Array.from(
    { length: sequences * LENGTH },
    () => 300 + random.integer(model.config.vocabulary - 300),
  );
  const frame = frameOf(model.tokenizer);
  for (let at = 0; at < ids.length; at += LENGTH) framed(ids.subarray(at, at + LENGTH), frame);
  return { sequences, length: LENGTH, ids };
}

/** Registers the tests of one encoder. */
export function testEncoder(given: EncoderCase): void {
  const { name, huggingFace, fields, variants, bound = BOUND, step, inLlamaCpp } = given;
  const open = given.open ?? (() => syntheticModel(huggingFace, { ...fields }));
  let folder: string;
  let peer: Peer | string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bitbudget-encoder-'));
    peer = await openPeer();
  });
  after(async () => {
    if (typeof peer !== 'string') await peer.close();
    await rm(folder, { recursive: true });
  });

  test(`${name}: vectors of the folder and of our GGUF are the same, and llama.cpp’s to 1 − cosine of ${bound.toExponential(0)}`, async (t) => {
    const model = await open();
    const path = await written(model, join(folder, 'f32.gguf'), () => 'F32');
    const ours = await vectorsOf(model);
    const reopened = await openModel(path);
    assert.deepEqual(await vectorsOf(reopened), ours, 'folder and GGUF differ');
    await reopened.close();
    if (typeof peer === 'string') return t.skip(peer);
    const run = inLlamaCpp === undefined ? ours : await vectorsOf({ ...model, graph: inLlamaCpp(model.graph) });
    const worst = worstDistance(run, await peer.vectors(path, comparedTexts(model)));
    t.diagnostic(`largest 1 − cosine ${worst.toExponential(2)}`);
    assert.ok(worst <= bound, `largest 1 − cosine ${worst}`);
  });

  test(`${name}: without any one of its attributes a vector moves by 1 − cosine of at least ${(10 * bound).toExponential(0)}`, async () => {
    const model = await open();
    const whole = await vectorsOf(model);
    for (const [attribute, graph] of Object.entries(variants(model.graph))) {
      assert.notDeepEqual(graph, model.graph, `without ${attribute} nothing changed`);
      const moved = worstDistance(await vectorsOf({ ...model, graph }), whole);
      assert.ok(moved >= 10 * bound, `without ${attribute} vectors move by ${moved.toExponential(1)} alone`);
    }
  });

  test(`${name}: a text’s vector has unit length to 1e-6, and is the same beside other texts to ${SAME}`, async () => {
    const model = await open();
    const texts = comparedTexts(model);
    const encoder = await createEncoder((await testKernels()).device, model, { exact: true });
    const together = await encoder.encode([...texts, ...texts]);
    for (const [i, text] of texts.entries()) {
      const alone = await encoder.encode([text]);
      assert.ok(Math.abs(Math.sqrt(dot(alone, alone)) - 1) < 1e-6);
      const beside = together.subarray(i * encoder.width, (i + 1) * encoder.width);
      assert.ok(distance(beside, alone) <= SAME, `text ${i}: 1 − cosine ${distance(beside, alone)}`);
    }
    encoder.close();
  });

  test(`${name}: gradients agree with differences to 2 %`, async () => {
    const { slope, difference } = await slopeAndDifference(await open(), step);
    assert.ok(Math.abs(slope - difference) <= 0.02 * Math.abs(difference), `slope ${slope}, difference ${difference}`);
  });

  test(`${name}: the whole job at ${BITS} bits predicts its 1 − cosine within a factor of 2, and its file’s nearest text is llama.cpp’s wherever the next is further by ${NEAR}`, async (t) => {
    const original = await open();
    const path = join(folder, 'small.gguf');
    const { plan, evaluation } = await quantizeModel(nodeHost, await open(), {
      output: path,
      target: { kind: 'budgets', wishes: { bitsPerWeight: BITS } },
      folder,
      rounding: 'gptq',
      calibration: async () => randomTexts(original, 24, 1),
      evaluation: async () => holdOut(randomTexts(original, 24, 2).ids, LENGTH),
      evaluationLength: LENGTH,
      threads: 1,
    });
    const { mean } = evaluation!.kl;
    t.diagnostic(`1 − cosine ${mean.toExponential(2)}, predicted ${plan.prediction!.kl.toExponential(2)}`);
    assert.ok(mean > 0 && mean < 2 * plan.prediction!.kl && mean > plan.prediction!.kl / 2);
    const model = await openModel(path);
    for (const [tensor, { shape }] of original.tensors)
      assert.deepEqual(model.tensors.get(tensor)!.shape, shape, tensor);
    if (typeof peer === 'string') return t.skip(peer);
    const [ours, theirs] = [await vectorsOf(model, false), await peer.vectors(path, comparedTexts(model))];
    await model.close();
    const worst = worstDistance(ours, theirs);
    t.diagnostic(`largest 1 − cosine ${worst.toExponential(2)}`);
    const clear = clearlyNearest(ours);
    t.diagnostic(`${clear.size} of ${TEXTS} texts compared`);
    assert.ok(clear.size >= FEWEST, `${clear.size} texts have one that is clearly the nearest`);
    for (const [text, other] of clear) assert.equal(byDistance(theirs, text)[0].other, other, `text ${text}`);
    assert.ok(worst <= 1e-3, `largest 1 − cosine ${worst}`);
  });
}

/** Vectors of the compared texts. @param exact in float32 alone, default true */
export async function vectorsOf(model: Model, exact = true): Promise<Float32Array[]> {
  const encoder = await createEncoder((await testKernels()).device, model, { exact });
  const vectors = await encoder.encode(comparedTexts(model));
  const { width } = encoder;
  encoder.close();
  return Array.from({ length: vectors.length / width }, (_, i) => vectors.slice(i * width, (i + 1) * width));
}

/** 1 − cosine. Half the squared distance of unit vectors, which keeps its digits where they are near. */
export function distance(a: Float32Array, b: Float32Array): number {
  const [lengthA, lengthB] = [a, b].map((x) => Math.sqrt(dot(x, x)));
  return a.reduce((sum, value, i) => sum + (value / lengthA - b[i] / lengthB) ** 2, 0) / 2;
}

function worstDistance(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  assert.equal(ours.length, TEXTS);
  assert.equal(theirs.length, TEXTS);
  return Math.max(...ours.map((vector, i) => distance(vector, theirs[i])));
}

/** Other texts, the most similar first. */
function byDistance(vectors: readonly Float32Array[], text: number): { other: number; apart: number }[] {
  return vectors
    .map((vector, other) => ({ other, apart: distance(vectors[text], vector) }))
    .filter(({ other }) => other !== text)
    .sort((a, b) => a.apart - b.apart);
}

/** The most similar other text of each that has one. */
function clearlyNearest(vectors: readonly Float32Array[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const text of vectors.keys()) {
    const [first, second] = byDistance(vectors, text);
    if (second.apart - first.apart > NEAR) found.set(text, first.other);
  }
  return found;
}
