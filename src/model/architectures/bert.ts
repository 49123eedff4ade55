import { readInteger } from '../config-fields.ts';
import { USUAL_POOLING } from '../embedding.ts';
import { selfAttention } from '../parts/attention.ts';
import { plainMlp } from '../parts/plainMlp.ts';
import { textEncoder } from '../parts/textEncoder.ts';
import { attentionLayers, feedForwardLayers } from './biases.ts';
import { bertEmbedding, encoderFromGguf, exactTable, postNormed, withBias } from './encoder.ts';
import type { Architecture } from './types.ts';

const layer = (name: string): string => `model.encoder.layer.{layer}.${name}`;

/** BERT: MiniLM, bge, e5 and most small embedders. Learned positions, norms behind the sums, biases everywhere. */
export const bert: Architecture = {
  name: 'bert',
  huggingFace: [
    {
      modelType: 'bert',
      names: ['BertModel', 'BertForMaskedLM'],
      defaults: { contextLength: 512, normEpsilon: 1e-12 },
      activations: ['gelu'],
      canonical: ({ layer_norm_eps: epsilon }) => ({ rms_norm_eps: epsilon }),
      read: (fields, _, subject) => ({
        embedding: { pooling: USUAL_POOLING, tokenTypes: readInteger(fields, 'type_vocab_size', subject, 2) },
      }),
    },
  ],
  ropeStyle: 'halves',
  learnedPositions: true,
  layerNorm: true,
  anchor: 'embeddings.word_embeddings.weight',
  unread: /(?:^|\.)(?:pooler\.dense|cls\.(?:predictions|seq_relationship))\./,
  names: {
    token_embd: 'model.embeddings.word_embeddings.weight',
    token_types: exactTable('model.embeddings.token_type_embeddings.weight'),
    position_embd: exactTable('model.embeddings.position_embeddings.weight'),
    ...withBias('token_embd_norm', 'model.embeddings.LayerNorm'),
    ...withBias('attn_q', layer('attention.self.query')),
    ...withBias('attn_k', layer('attention.self.key')),
    ...withBias('attn_v', layer('attention.self.value')),
    ...withBias('attn_output', layer('attention.output.dense')),
    ...withBias('attn_output_norm', layer('attention.output.LayerNorm')),
    ...withBias('ffn_up', layer('intermediate.dense')),
    ...withBias('ffn_down', layer('output.dense')),
    ...withBias('layer_output_norm', layer('output.LayerNorm')),
  },
  graph: (config) => {
    const embedding = config.embedding!;
    const attention = { ...config, rope: undefined, window: undefined, causal: false, biases: attentionLayers };
    return textEncoder({ ...config, embedding, embed: bertEmbedding(config, true) }, (build, x, index) =>
      postNormed(
        build,
        x,
        { ...config, layer: index },
        (rows) => selfAttention(build, rows, { ...attention, layer: index }),
        (rows) => plainMlp(build, rows, { ...config, layer: index, activation: 'geluErf', biases: feedForwardLayers }),
      ),
    );
  },
  readGguf: (keys, _, tensors) => encoderFromGguf(keys, tensors),
};
