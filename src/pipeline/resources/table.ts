import { bops } from './bops.ts';
import { bytes } from './bytes.ts';
import { memory } from './memory.ts';
import type { Resource, Setting } from './types.ts';

/** What a plan can be budgeted by: one file each, and its line here. `bytes` comes first. */
const RESOURCES = { bytes, bops, memory } satisfies Record<string, (setting: Setting) => Resource>;

export type ResourceName = keyof typeof RESOURCES;

/** Most of each resource. */
export type Budgets = Readonly<Partial<Record<ResourceName, number>>>;

/** Every resource, for one model and its prices. */
export function resources(setting: Setting): Resource[] {
  return Object.values(RESOURCES).map((make) => make(setting));
}
