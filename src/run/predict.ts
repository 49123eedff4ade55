import { allRows } from '../graph/rewrite.ts';
import { inputsOf, segment, segmentCount, weightsOf } from '../graph/segments.ts';
import type { Device } from '../kernels/device.ts';
import type { Model } from '../model/types.ts';
import { Footprint, type Scratch, weightName } from './footprint.ts';
import { headTiles } from './forward.ts';
import { tensorOf } from './program.ts';
import { batchesOf } from './segments.ts';
import { sizesOf, type TokenBatch, textSequences } from './sequences.ts';
import { decodingParts, headSizes, promptChunk } from './session.ts';
import { encodingTarget, streamTarget, wholeTarget } from './target.ts';

/**
 * Bytes of kernel memory at the highest while a model is loaded, reads a prompt that fills its context, and decodes: to the
 * byte, the device's own tables and the scratch of its threads apart.
 * @param exact all weights as float32
 */
export function sessionBytes(
  device: Pick<Device, 'supportsPacked'>,
  model: Model,
  { contextLength, exact = false }: { readonly contextLength: number; readonly exact?: boolean },
  scratch: Scratch,
): number {
  const footprint = new Footprint(scratch);
  const target = streamTarget(model, device, exact);
  for (const name of weightsOf(model.graph)) footprint.load(tensorOf(model, name), target.packed?.(name) !== undefined);
  const { body, head, between } = decodingParts(model.graph);
  const decoder = (tokens: number) => {
    const capacities = { tokens, context: contextLength };
    const programs = [
      footprint.open(body, { target, capacities }),
      footprint.open(head, { target, capacities: { ...capacities, wanted: 1 }, lent: [between] }),
    ];
    return {
      run: (count: number, past: number): void => {
        programs[0].run({ tokens: count, sequences: 1, length: count, past });
        programs[1].run(headSizes(count));
      },
      close: (): void => {
        for (const program of programs) program.close();
      },
    };
  };
  const single = decoder(1);
  const chunk = decoder(Math.min(promptChunk, contextLength));
  for (let past = 0; past < contextLength; past += promptChunk)
    chunk.run(Math.min(promptChunk, contextLength - past), past);
  chunk.close();
  single.run(1, contextLength - 1);
  return footprint.peak;
}

/**
 * Bytes of kernel memory at the highest while an encoder is loaded and reads a text that fills its context: as `sessionBytes`
 * counts them.
 */
export function encoderBytes(
  device: Pick<Device, 'supportsPacked'>,
  model: Model,
  { contextLength, exact = false }: { readonly contextLength: number; readonly exact?: boolean },
  scratch: Scratch,
): number {
  const footprint = new Footprint(scratch);
  const { graph } = model;
  const target = encodingTarget(model, device, exact);
  for (const name of weightsOf(graph)) footprint.load(tensorOf(model, name), target.packed?.(name) !== undefined);
  const capacities = { ...sizesOf({ length: contextLength }, 1), context: contextLength };
  footprint.open(graph, { target, capacities }).run(capacities);
  return footprint.peak;
}

/** Counts what `hiddenStates` takes, and gives it back. */
export function countStates(footprint: Footprint, model: Model, tokens: TokenBatch): void {
  const graph = allRows(model.graph);
  const [target, sequences] = [wholeTarget(model), textSequences(tokens)];
  for (let index = 0; index < segmentCount(graph) - 1; index++) {
    const part = segment(graph, index, index + 1);
    const weights = footprint.loadSegment(model, part, sequences);
    footprint.openSegment(part, target, sequences, batchesOf(part, target, sequences)).close();
    footprint.drop(...weights);
  }
  footprint.dropConstants();
}

/** Counts an open head's logits of `m` rows, which is in memory from then on. @param name tells heads apart */
export function countHead(footprint: Footprint, model: Model, m: number, name: string): void {
  const { part, tensor, step } = headTiles(model);
  const [rows, columns] = tensor.shape;
  footprint.hold(`${name} ${weightName(tensor.name)}`, 4 * step * columns);
  footprint.touchBlocks(tensor, Math.min(step, rows));
  const capacities = { tokens: m, sequences: 1, length: m, context: m };
  const [input] = inputsOf(part);
  const program = footprint.open(part, { target: wholeTarget(model), capacities, kept: [input] });
  program.run(capacities);
  program.close();
}
