import { cacheStates } from '../../graph/states.ts';
import { cacheBytes } from '../../model/cache-formats.ts';
import { choosesStates, costOf, heldContext, type Resource, type Setting } from './types.ts';

/** Bytes of the KV cache at a context length. Only a cache that was priced is chosen for; another is kept in float32. */
export function kv(setting: Setting): Resource {
  const tokens = heldContext(setting);
  const states = cacheStates(setting.model.graph);
  return {
    name: 'kv',
    fixed: choosesStates(setting) ? 0 : states.reduce((sum, { width }) => sum + cacheBytes(width, 'F32', tokens), 0),
    cost: costOf({ state: ({ columns }, name) => cacheBytes(columns, name, tokens) }),
  };
}
