import type { EncodeBackend } from '../backend.ts';
import { recoverAffine } from '../exact/affine.ts';
import { recoverNearScales, recoverScales } from '../exact/scale.ts';
import { type FoundScales, foundScales, type GridSearch } from '../search/grid/types.ts';

/** The scales that a search finds in blocks, and where all values of a block lie on the format's grid, those of the grid. */
export function fittedScales(
  spec: GridSearch,
  values: Float32Array,
  importance: Float32Array | undefined,
  backend: EncodeBackend,
): FoundScales {
  const found = foundScales(spec, values.length / (spec.subBlocks * spec.subBlock));
  backend.searchScales(spec, values, importance, found);
  recover(spec, values, found);
  return found;
}

/** Powers of two are on their grid as the search finds them. */
function recover(spec: GridSearch, values: Float32Array, found: FoundScales): void {
  if (spec.kind === 'affine' || spec.kind === 'superAffine') recoverAffine(spec, values, found);
  else if (spec.kind === 'nearScale') recoverNearScales(spec, values, found);
  else if (spec.kind !== 'powerScale') recoverScales(spec, values, found);
}
