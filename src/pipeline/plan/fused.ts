import type { Coupling } from '../../allocate/types.ts';
import type { TensorRole } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';

/**
 * Matrices of a block that read the same input, which runtimes join into one product: then they must share a format.
 * vLLM loads them as `qkv_proj` and `gate_up_proj` and refuses schemes that differ; runtimes of GGUF keep them apart.
 */
const FUSED: readonly (readonly TensorRole[])[] = [
  ['attn_q', 'attn_k', 'attn_v'],
  ['ffn_gate', 'ffn_up'],
];

/** Matrices that must agree in every block. */
export function fusedMatrices({ tensors }: SensitivityTable): Coupling[] {
  return FUSED.flatMap((roles) =>
    [...Map.groupBy(tensors, ({ layer }) => layer)].flatMap(([, block]): Coupling[] => {
      const groups = block.filter(({ role }) => roles.includes(role)).map(({ tensor }) => tensor);
      return groups.length > 1 ? [{ kind: 'agree', groups }] : [];
    }),
  );
}
