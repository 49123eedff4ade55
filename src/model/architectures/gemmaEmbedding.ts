import { USUAL_POOLING } from '../embedding.ts';
import { textEncoder } from '../parts/textEncoder.ts';
import type { ModelConfig } from '../types.ts';
import { symmetricWindow } from '../window.ts';
import { encoderFromGguf } from './encoder.ts';
import { gemmaBlock, gemmaClass, gemmaKeys, gemmaNames, isBidirectional, PATTERN, SLIDING_BASE } from './gemma.ts';
import type { Architecture, TensorShapes } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** Linear layers behind pooling: GGUF's names, and those of the folders that hold them. */
const DENSE = [
  { tensor: 'dense_2.weight', huggingFace: '2_Dense.linear.weight' },
  { tensor: 'dense_3.weight', huggingFace: '3_Dense.linear.weight' },
];

const { read, ...shared } = gemmaClass(() => gemmaEmbedding);

function denseOf(tensors: TensorShapes) {
  const dense = DENSE.flatMap(({ tensor, huggingFace }) => {
    const [rows, columns] = (tensors.get(tensor) ?? tensors.get(huggingFace))?.shape ?? [];
    return rows === undefined ? [] : [{ tensor, rows, columns }];
  });
  return dense.length > 0 ? { dense } : {};
}

function windowOf({ window }: ModelConfig, layer: number): number | undefined {
  return window?.layers[layer] ? symmetricWindow(window) : undefined;
}

/** EmbeddingGemma: Gemma 3's blocks that look to both sides, mean pooling, and two linear layers behind it. */
export const gemmaEmbedding: Architecture = {
  name: 'gemma-embedding',
  huggingFace: [
    {
      ...shared,
      names: ['Gemma3TextModel'],
      accepts: isBidirectional,
      read: (...given) => ({ ...read(...given), embedding: { pooling: USUAL_POOLING } }),
    },
  ],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  ropeBase: 1e6,
  names: { ...gemmaNames, dense_2: DENSE[0].huggingFace, dense_3: DENSE[1].huggingFace },
  graph: (config) => {
    const { hidden, normEpsilon: epsilon } = config;
    const part = {
      ...config,
      embedding: config.embedding!,
      embed: (build, rows) => build.node('scale', [rows], { factor: Math.sqrt(hidden) }),
      finish: (build, x) => build.node('rmsNorm', [x, build.weight('output_norm.weight', [hidden])], { epsilon }),
    } satisfies Parameters<typeof textEncoder>[0];
    return textEncoder(part, gemmaBlock(config, { causal: false, windowOf: (layer) => windowOf(config, layer) }));
  },
  withTensors: ({ embedding }, tensors) => ({ embedding: { ...embedding!, ...denseOf(tensors) } }),
  readGguf: (keys, { headDim, layers, rope }, tensors) => {
    const { embedding } = encoderFromGguf(keys, tensors);
    return {
      embedding: { ...embedding, ...denseOf(tensors) },
      slidingRope: { ...rope, theta: keys.number('rope.freq_base_swa', SLIDING_BASE), scaling: undefined },
      attentionScale: 1 / Math.sqrt(headDim),
      window: windowFromGguf(keys, layers, (layer, every = PATTERN) => layer % every < every - 1),
    };
  },
  metadata: gemmaKeys,
};
