import type { TensorName, TensorNames } from './types.ts';

const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}`;

/** Gate and up in one tensor of all experts, gates first. */
const half = (name: string, index: number) => ({ name, part: { index, of: 2 } });

/** Matrices of experts, under the names that GGUF files had when each stood apart, too. */
const stacked = (kind: 'gate' | 'up' | 'down', huggingFace: TensorName['huggingFace']): TensorName => ({
  huggingFace,
  gguf: [
    `blk.{layer}.ffn_${kind}.{expert}.weight`,
    ...(kind === 'down' ? [] : [half('blk.{layer}.ffn_gate_up_exps.weight', kind === 'gate' ? 0 : 1)]),
  ],
});

/** Experts that nearly every mixture has: apart under `mlp.experts.N`, or gate and up of all in `mlp.experts.gate_up_proj`. */
export const expertNames: TensorNames = {
  ffn_gate_inp: { huggingFace: mlp('gate.weight'), exact: true },
  ffn_gate_exps: stacked('gate', [mlp('experts.{expert}.gate_proj.weight'), half(mlp('experts.gate_up_proj'), 0)]),
  ffn_up_exps: stacked('up', [mlp('experts.{expert}.up_proj.weight'), half(mlp('experts.gate_up_proj'), 1)]),
  ffn_down_exps: stacked('down', [mlp('experts.{expert}.down_proj.weight'), mlp('experts.down_proj')]),
};

/** Experts under `block_sparse_moe`, apart as `w1`, `w3` (up) and `w2` (down), as Mistral AI's first mixtures have them. */
export const blockSparseNames: TensorNames = {
  ffn_gate_inp: {
    huggingFace: ['model.layers.{layer}.block_sparse_moe.gate.weight', mlp('gate.weight')],
    exact: true,
  },
  ffn_gate_exps: stacked('gate', [
    'model.layers.{layer}.block_sparse_moe.experts.{expert}.w1.weight',
    half(mlp('experts.gate_up_proj'), 0),
  ]),
  ffn_up_exps: stacked('up', [
    'model.layers.{layer}.block_sparse_moe.experts.{expert}.w3.weight',
    half(mlp('experts.gate_up_proj'), 1),
  ]),
  ffn_down_exps: stacked('down', [
    'model.layers.{layer}.block_sparse_moe.experts.{expert}.w2.weight',
    mlp('experts.down_proj'),
  ]),
};

/** Experts and a shared one, the inputs of each in one matrix: gates first. */
export const fusedExpertNames: TensorNames = {
  ffn_gate_inp: { huggingFace: 'model.layers.{layer}.block_sparse_moe.router.layer.weight', exact: true },
  ffn_gate_exps: stacked('gate', [half('model.layers.{layer}.block_sparse_moe.input_linear.weight', 0)]),
  ffn_up_exps: stacked('up', [half('model.layers.{layer}.block_sparse_moe.input_linear.weight', 1)]),
  ffn_down_exps: stacked('down', 'model.layers.{layer}.block_sparse_moe.output_linear.weight'),
  ffn_gate_shexp: { huggingFace: [half('model.layers.{layer}.shared_mlp.input_linear.weight', 0)] },
  ffn_up_shexp: { huggingFace: [half('model.layers.{layer}.shared_mlp.input_linear.weight', 1)] },
  ffn_down_shexp: 'model.layers.{layer}.shared_mlp.output_linear.weight',
};

/** Experts and, beside them, a shared one with a gate of its own. */
export const gatedSharedNames: TensorNames = {
  ...expertNames,
  ffn_gate_shexp: mlp('shared_expert.gate_proj.weight'),
  ffn_up_shexp: mlp('shared_expert.up_proj.weight'),
  ffn_down_shexp: mlp('shared_expert.down_proj.weight'),
  ffn_gate_inp_shexp: { huggingFace: mlp('shared_expert_gate.weight'), exact: true },
};
