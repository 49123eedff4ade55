import { defaultDevice, grad, init, nn, numpy as np } from '@jax-js/jax';
import type { ModelConfig } from '../../src/model/types.ts';
import type { Values } from './literal.ts';

type Parameters = { [name: string]: np.Array };

const names = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] as const;

/** Gradients of Σ direction · block(x) by jax-js, for one sequence of a llama's first block. By kind of matrix, and `x`. */
export async function jaxBlockGradient(
  config: ModelConfig,
  tensors: Values,
  x: Float32Array,
  direction: Float32Array,
): Promise<Record<string, Float32Array>> {
  await init('wasm');
  defaultDevice('wasm');
  const { hidden, feedForward, heads, kvHeads, headDim } = config;
  const length = x.length / hidden;
  const rows = {
    attn_q: heads * headDim,
    attn_k: kvHeads * headDim,
    attn_v: kvHeads * headDim,
    attn_output: hidden,
    ffn_gate: feedForward,
    ffn_up: feedForward,
    ffn_down: hidden,
  };
  const of = (name: string): Float32Array => tensors.get(`blk.0.${name}.weight`)!.values;
  const parameters: Parameters = { x: tensor(x, [length, hidden]) };
  for (const name of names) {
    const values = of(name);
    parameters[name] = tensor(values, [rows[name], values.length / rows[name]]);
  }
  const constants = {
    attnNorm: tensor(of('attn_norm'), [hidden]),
    ffnNorm: tensor(of('ffn_norm'), [hidden]),
    rotation: tensor(rotations(config, length), [length, headDim, headDim]),
    mask: tensor(causalMask(length), [length, length]),
    direction: tensor(direction, [length, hidden]),
  };
  const gradient = grad((p: Parameters) => {
    const y = block(config, p, constants);
    return y.mul(constants.direction.ref).sum();
  })(parameters) as Parameters;
  const result: Record<string, Float32Array> = {};
  for (const [name, value] of Object.entries(gradient)) result[name] = (await value.data()) as Float32Array;
  return result;
}

interface Constants {
  attnNorm: np.Array;
  ffnNorm: np.Array;
  rotation: np.Array;
  mask: np.Array;
  direction: np.Array;
}

function block(config: ModelConfig, p: Parameters, constants: Constants): np.Array {
  const { heads, kvHeads, headDim, normEpsilon } = config;
  const tokens = constants.mask.shape[0];
  const normed = rmsNorm(p.x.ref, constants.attnNorm.ref, normEpsilon);
  const project = (name: string, count: number): np.Array =>
    np.einsum('th,nh->tn', normed.ref, p[name]).reshape([tokens, count, headDim]);
  const rotate = (value: np.Array): np.Array => np.einsum('thd,tde->the', value, constants.rotation.ref);
  const q = rotate(project('attn_q', heads)).reshape([tokens, kvHeads, heads / kvHeads, headDim]);
  const k = rotate(project('attn_k', kvHeads));
  const v = project('attn_v', kvHeads);
  const scores = np
    .einsum('tkgd,skd->kgts', q, k)
    .mul(1 / Math.sqrt(headDim))
    .add(constants.mask.ref);
  const attended = np.einsum('kgts,skd->tkgd', nn.softmax(scores, -1), v).reshape([tokens, heads * headDim]);
  const mid = p.x.add(np.einsum('tn,hn->th', attended, p.attn_output));
  const ffnIn = rmsNorm(mid.ref, constants.ffnNorm.ref, normEpsilon);
  const gate = np.einsum('th,fh->tf', ffnIn.ref, p.ffn_gate);
  const up = np.einsum('th,fh->tf', ffnIn, p.ffn_up);
  return mid.add(np.einsum('tf,hf->th', nn.silu(gate).mul(up), p.ffn_down));
}

function rmsNorm(x: np.Array, gain: np.Array, epsilon: number): np.Array {
  const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.div(np.sqrt(mean.add(epsilon))).mul(gain);
}

/** Rotation of row vectors at every position, pairs (2i, 2i+1). [length, headDim, headDim] */
function rotations({ headDim, rope }: ModelConfig, length: number): Float32Array {
  const rotation = new Float32Array(length * headDim * headDim);
  for (let t = 0; t < length; t++) {
    for (let i = 0; i < headDim; i += 2) {
      const angle = t * rope.theta ** (-i / headDim);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const at = (t * headDim + i) * headDim + i;
      rotation.set([cos, sin], at);
      rotation.set([-sin, cos], at + headDim);
    }
  }
  return rotation;
}

function causalMask(length: number): Float32Array {
  return Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0));
}

function tensor(values: Float32Array, shape: number[]): np.Array {
  return np.array(new Float32Array(values)).reshape(shape);
}
