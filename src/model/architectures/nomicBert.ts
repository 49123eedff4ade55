import { FormatError } from '../../core/errors.ts';
import { readInteger } from '../config-fields.ts';
import { USUAL_POOLING } from '../embedding.ts';
import { selfAttention } from '../parts/attention.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { textEncoder } from '../parts/textEncoder.ts';
import { ropePart } from '../rope.ts';
import { bertEmbedding, encoderFromGguf, exactTable, postNormed, withBias } from './encoder.ts';
import type { Architecture, ConfigFields } from './types.ts';

const layer = (name: string): string => `model.encoder.layers.{layer}.${name}`;

/** What the class can be switched to, and GGUF cannot say. */
const FIXED: Readonly<Record<string, unknown>> = {
  causal: false,
  prenorm: false,
  qkv_proj_bias: false,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  rotary_emb_fraction: 1,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
};

function refuseOthers(fields: ConfigFields, subject: string): void {
  const other = Object.entries(FIXED).find(([key, value]) => fields[key] !== undefined && fields[key] !== value);
  if (other !== undefined)
    throw new FormatError(`${subject}: ${other[0]} is ${JSON.stringify(fields[other[0]])}, expected ${other[1]}`);
}

/** Tokens that it was trained on, where positions reach further by scaling at run time. @see llama.cpp conversion/bert.py */
const trainedContext = ({ n_positions: positions, max_trained_positions: trained = 2048 }: ConfigFields): number =>
  Math.min(Number(positions), Number(trained));

/** Nomic Embed 1 and 1.5: BERT with RoPE, gated feed-forward and a fused matrix for queries, keys and values. */
export const nomicBert: Architecture = {
  name: 'nomic-bert',
  huggingFace: [
    {
      modelType: 'nomic_bert',
      names: ['NomicBertModel'],
      defaults: { contextLength: 2048, normEpsilon: 1e-12, ropeBase: 10000 },
      activations: ['swiglu'],
      canonical: (fields) => ({
        hidden_size: fields['n_embd'],
        num_attention_heads: fields['n_head'],
        num_hidden_layers: fields['n_layer'],
        intermediate_size: fields['n_inner'],
        max_position_embeddings: trainedContext(fields),
        rms_norm_eps: fields['layer_norm_epsilon'],
        rope_theta: fields['rotary_emb_base'],
        hidden_act: fields['activation_function'],
      }),
      read: (fields, _, subject) => {
        refuseOthers(fields, subject);
        return {
          embedding: { pooling: USUAL_POOLING, tokenTypes: readInteger(fields, 'type_vocab_size', subject, 2) },
        };
      },
    },
  ],
  ropeStyle: 'halves',
  layerNorm: true,
  anchor: 'embeddings.word_embeddings.weight',
  unread: /(?:^|\.)(?:pooler\.dense|cls\.predictions)\./,
  names: {
    token_embd: 'model.embeddings.word_embeddings.weight',
    token_types: exactTable('model.embeddings.token_type_embeddings.weight'),
    ...withBias('token_embd_norm', 'model.emb_ln'),
    attn_qkv: layer('attn.Wqkv.weight'),
    attn_output: layer('attn.out_proj.weight'),
    ...withBias('attn_output_norm', layer('norm1')),
    ffn_up: layer('mlp.fc11.weight'),
    ffn_gate: layer('mlp.fc12.weight'),
    ffn_down: layer('mlp.fc2.weight'),
    ...withBias('layer_output_norm', layer('norm2')),
  },
  graph: (config) => {
    const embedding = config.embedding!;
    const attention = { ...config, rope: ropePart(config.rope), window: undefined, causal: false, fused: true };
    return textEncoder({ ...config, embedding, embed: bertEmbedding(config, false) }, (build, x, index) =>
      postNormed(
        build,
        x,
        { ...config, layer: index },
        (rows) => selfAttention(build, rows, { ...attention, layer: index }),
        (rows) => gatedMlp(build, rows, { ...config, layer: index, activation: 'silu' }),
      ),
    );
  },
  readGguf: (keys, _, tensors) => encoderFromGguf(keys, tensors),
};
