import { defaultDevice, grad, init, jvp, nn, numpy as np } from '@jax-js/jax';
import type { ModelConfig } from '../../src/model/types.ts';

type Parameters = { [name: string]: np.Array };

/** Numbers by kind of tensor, and `x`. */
export type Named = Readonly<Record<string, Float32Array>>;

const SUFFIX = /^blk\.0\.(.*)\.weight$/;

/**
 * The first block of a llama or of a Gemma 3 in jax-js, for one sequence: norms behind branches and of heads where there
 * are tensors for them, a window where the config has one.
 */
export interface JaxBlock {
  readonly config: ModelConfig;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  readonly x: Float32Array;
  /** What outputs are multiplied with before they are summed. */
  readonly direction: Float32Array;
}

/** Gradients of Σ direction · block(x) at all tensors and at x. */
export async function jaxBlockGradient(block: JaxBlock): Promise<Named> {
  await opened();
  return await numbersOf(grad(objective(block))(parametersOf(block)) as Parameters);
}

/** The Hessian of Σ direction · block(x) by all tensors and x, times a change of all of them. */
export async function jaxBlockHessian(block: JaxBlock, change: Named): Promise<Named> {
  await opened();
  const parameters = parametersOf(block);
  const changes = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, tensor(change[name], value.shape)]),
  );
  const [gradient, product] = jvp(grad(objective(block)), [parameters], [changes]) as [Parameters, Parameters];
  for (const value of Object.values(gradient)) value.dispose();
  return await numbersOf(product);
}

async function opened(): Promise<void> {
  await init('wasm');
  defaultDevice('wasm');
}

async function numbersOf(values: Parameters): Promise<Named> {
  const numbers: Record<string, Float32Array> = {};
  for (const [name, value] of Object.entries(values)) numbers[name] = (await value.data()) as Float32Array;
  return numbers;
}

function parametersOf({ config, tensors, x }: JaxBlock): Parameters {
  const parameters: Parameters = { x: tensor(x, [x.length / config.hidden, config.hidden]) };
  for (const [name, { shape, values }] of tensors) {
    const suffix = SUFFIX.exec(name)?.[1];
    if (suffix !== undefined) parameters[suffix] = tensor(values, shape);
  }
  return parameters;
}

function objective({ config, x, direction }: JaxBlock): (p: Parameters) => np.Array {
  const length = x.length / config.hidden;
  const constants = {
    rotation: tensor(rotations(config, length), [length, config.headDim, config.headDim]),
    mask: tensor(mask(config, length), [length, length]),
  };
  const by = tensor(direction, [length, config.hidden]);
  return (p) => block(config, p, constants).mul(by.ref).sum();
}

interface Constants {
  rotation: np.Array;
  mask: np.Array;
}

function block(config: ModelConfig, p: Parameters, constants: Constants): np.Array {
  const norm = (x: np.Array, name: string): np.Array =>
    p[name] === undefined ? x : rmsNorm(x, p[name].ref, config.normEpsilon);
  const attended = attention(config, p, norm(p.x.ref, 'attn_norm'), constants);
  const mid = p.x.ref.add(norm(attended, 'post_attention_norm'));
  const inner = norm(mid.ref, 'ffn_norm');
  const gate = np.einsum('th,fh->tf', inner.ref, p.ffn_gate.ref);
  const up = np.einsum('th,fh->tf', inner, p.ffn_up.ref);
  const activated = config.architecture === 'gemma3' ? gelu(gate) : nn.silu(gate);
  const made = np.einsum('tf,hf->th', activated.mul(up), p.ffn_down.ref);
  return mid.add(norm(made, 'post_ffw_norm'));
}

function attention(config: ModelConfig, p: Parameters, x: np.Array, constants: Constants): np.Array {
  const { heads, kvHeads, headDim, attentionScale = 1 / Math.sqrt(headDim) } = config;
  const tokens = constants.mask.shape[0];
  const project = (name: string, count: number): np.Array =>
    np.einsum('th,nh->tn', x.ref, p[name].ref).reshape([tokens, count, headDim]);
  const turned = (name: string, count: number): np.Array => {
    const gain = p[`${name}_norm`];
    const rows = project(name, count);
    const normed = gain === undefined ? rows : rmsNorm(rows, gain.ref, config.normEpsilon);
    return np.einsum('thd,tde->the', normed, constants.rotation.ref);
  };
  const q = turned('attn_q', heads).reshape([tokens, kvHeads, heads / kvHeads, headDim]);
  const k = turned('attn_k', kvHeads);
  const v = project('attn_v', kvHeads);
  x.dispose();
  const scores = np.einsum('tkgd,skd->kgts', q, k).mul(attentionScale).add(constants.mask.ref);
  const rows = np.einsum('kgts,skd->tkgd', nn.softmax(scores, -1), v).reshape([tokens, heads * headDim]);
  return np.einsum('tn,hn->th', rows, p.attn_output.ref);
}

/** With tanh. */
function gelu(x: np.Array): np.Array {
  const cube = x.ref.mul(x.ref).mul(x.ref).mul(0.044715);
  const tangent = np.tanh(x.ref.add(cube).mul(Math.sqrt(2 / Math.PI)));
  return x.mul(tangent.add(1)).mul(0.5);
}

function rmsNorm(x: np.Array, gain: np.Array, epsilon: number): np.Array {
  const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.div(np.sqrt(mean.add(epsilon))).mul(gain);
}

/** Rotation of row vectors at every position. [length, headDim, headDim] */
function rotations({ headDim, rope, slidingRope, window }: ModelConfig, length: number): Float32Array {
  const { theta, style } = window && slidingRope ? slidingRope : rope;
  const rotation = new Float32Array(length * headDim * headDim);
  for (let t = 0; t < length; t++) {
    for (let pair = 0; pair < headDim / 2; pair++) {
      const angle = t * theta ** ((-2 * pair) / headDim);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const [a, b] = style === 'interleaved' ? [2 * pair, 2 * pair + 1] : [pair, pair + headDim / 2];
      const at = (row: number, column: number): number => (t * headDim + row) * headDim + column;
      rotation[at(a, a)] = cos;
      rotation[at(a, b)] = sin;
      rotation[at(b, a)] = -sin;
      rotation[at(b, b)] = cos;
    }
  }
  return rotation;
}

/** 0 where a query sees a key, else far below. [length, length] */
function mask({ window }: ModelConfig, length: number): Float32Array {
  const seen = window?.tokens ?? length;
  return Float32Array.from({ length: length * length }, (_, i) => {
    const back = Math.floor(i / length) - (i % length);
    return back >= 0 && back < seen ? 0 : -1e9;
  });
}

function tensor(values: Float32Array, shape: readonly number[]): np.Array {
  return np.array(new Float32Array(values)).reshape([...shape]);
}
