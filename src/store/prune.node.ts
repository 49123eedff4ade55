import { statfs } from 'node:fs/promises';
import type { EntryInfo, PrunableStore } from './types.ts';

/** What goes first: entries unused for longer than `olderMs`, then those used longest ago until `keepBytes` are left. */
export interface PruneLimits {
  readonly olderMs?: number;
  readonly keepBytes?: number;
}

export interface Pruned {
  readonly removed: readonly EntryInfo[];
  /** Should have gone, but are in use. */
  readonly kept: readonly EntryInfo[];
}

const DAY_MS = 86_400_000;
/** Work that nobody came back for. */
const UNUSED_DAYS = 90;
/** The store takes at most this, and at most this share of its disk. */
const MOST_BYTES = 100e9;
const MOST_SHARE = 0.25;

/** Removes what lies beyond the limits and is not in use. */
export async function prune(store: PrunableStore, limits: PruneLimits, now = Date.now()): Promise<Pruned> {
  await store.sweep();
  const doomed = beyond(await store.list(), limits, now);
  const removed: EntryInfo[] = [];
  const kept: EntryInfo[] = [];
  for (const entry of doomed) ((await store.remove(entry)) ? removed : kept).push(entry);
  return { removed, kept };
}

/**
 * Removes what a store holds too long or too much of: whoever has worked with it calls this at the end. What cannot be removed
 * now is left to the next.
 */
export async function evict(store: PrunableStore): Promise<Pruned> {
  const disk = await statfs(store.folder).catch(() => undefined);
  if (disk === undefined) return { removed: [], kept: [] };
  const { bsize, blocks } = disk;
  const keepBytes = Math.min(MOST_BYTES, MOST_SHARE * bsize * blocks);
  return await prune(store, { olderMs: UNUSED_DAYS * DAY_MS, keepBytes }).catch(() => ({ removed: [], kept: [] }));
}

/** @param entries those used last first */
function beyond(entries: readonly EntryInfo[], { olderMs = Infinity, keepBytes = Infinity }: PruneLimits, now: number) {
  let bytes = 0;
  return entries.filter((entry) => {
    bytes += entry.bytes;
    return now - entry.usedAt > olderMs || bytes > keepBytes;
  });
}
