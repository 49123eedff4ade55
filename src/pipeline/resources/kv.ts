import { cacheBytes } from '../../model/cache-formats.ts';
import { heldContext, type Resource, type Setting } from './types.ts';

/** Bytes of the KV cache at a context length. Only a cache that was priced is chosen for; another is kept in float32. */
export function kv(setting: Setting): Resource {
  const tokens = heldContext(setting);
  const { config } = setting.model;
  return {
    name: 'kv',
    fixed: setting.cache ? 0 : 2 * config.layers * cacheBytes(config, 'F32', tokens),
    cost: () => 0,
    cacheCost: (name) => cacheBytes(config, name, tokens),
  };
}
