import type { Coupling } from '../../allocate/types.ts';
import { fusedGroups } from '../../graph/uses.ts';
import type { Model } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';

/**
 * Matrices that read the same input (q, k and v; gate and up), which runtimes join into one product: then they must share
 * a format. vLLM loads them as `qkv_proj` and `gate_up_proj` and refuses schemes that differ; runtimes of GGUF keep them
 * apart. Of tables and routers, which nobody joins, nothing is asked.
 */
export function fusedMatrices({ graph }: Pick<Model, 'graph'>, { tensors }: SensitivityTable): Coupling[] {
  const priced = new Set(tensors.map(({ tensor }) => tensor));
  return fusedGroups(graph).flatMap((names): Coupling[] => {
    const groups = names.filter((name) => priced.has(name));
    return groups.length > 1 ? [{ kind: 'agree', groups }] : [];
  });
}
