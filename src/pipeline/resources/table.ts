import { bops } from './bops.ts';
import { bytes } from './bytes.ts';
import { kv } from './kv.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { moved } from './moved.ts';
import type { Resource, Setting } from './types.ts';

/** What a plan can be budgeted by: one file each, and its line here. `bytes` comes first. */
const RESOURCES = { bytes, bops, memory, kv, moved, latency } satisfies Record<
  string,
  (setting: Setting) => Resource | undefined
>;

export type ResourceName = keyof typeof RESOURCES;

/** Most of each resource. */
export type Budgets = Readonly<Partial<Record<ResourceName, number>>>;

/** Every resource that the setting allows, for one model and its prices. */
export function resources(setting: Setting): Resource[] {
  return Object.values(RESOURCES).flatMap((make) => make(setting) ?? []);
}
