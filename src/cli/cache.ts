import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { EntryInfo } from '../store/types.ts';
import { addExamples } from './support/help.ts';
import { addWorkDirOption, type KeptOptions, workFolder } from './support/kept.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';
import { formatSize, parseSize } from './support/size.ts';

type CacheOptions = KeptOptions & OutputOptions;

interface PruneOptions extends CacheOptions {
  readonly older?: number;
  readonly keep?: number;
}

/** What people call the steps whose results are kept. */
const STEPS: Readonly<Record<string, string>> = {
  measurement: 'measurement',
  prices: 'prices and evaluations',
  rounding: 'rounded matrices of an unfinished run',
  latency: 'times of this device',
  digests: 'digests of files',
  magnitudes: 'largest weights',
  importance: 'importance of inputs',
  speed: 'speed of this machine',
};

export function register(program: Command): void {
  const cache = program
    .command('cache')
    .description('the work that is kept for later runs: list it, remove some of it');
  const list = cache
    .command('list', { isDefault: true })
    .description('every measurement, price list … with size and age');
  addExamples(list, [['cache list', 'what is kept, and how much room it takes']]);
  addOutputOptions(addWorkDirOption(list)).action(listEntries);
  const remove = cache
    .command('rm')
    .description('remove entries; the next run makes them again')
    .argument('<names...>', 'ids of the list, models, or “all”');
  addExamples(remove, [['cache rm all', 'everything; the next run measures again']]);
  addOutputOptions(addWorkDirOption(remove)).action(removeEntries);
  const prune = cache
    .command('prune')
    .description('remove what was not used for long, and what is too much')
    .option('--older <time>', 'entries not used for so long: 30d, 12h', parseAge)
    .option('--keep <size>', 'until the rest takes no more than this: 2GB; what was used last stays', parseSize);
  addExamples(prune, [['cache prune --older 30d --keep 2GB', 'what was not used for a month, then what is too much']]);
  addOutputOptions(addWorkDirOption(prune)).action(pruneEntries);
}

async function openStore(options: CacheOptions) {
  const { WorkStore } = await import('../store/store.node.ts');
  return new WorkStore(await workFolder(options));
}

async function listEntries(options: CacheOptions): Promise<void> {
  const store = await openStore(options);
  const entries = await store.list();
  printResult(options, { folder: store.folder, entries }, () => [
    `${store.folder}: ${describeTotal(entries)}`,
    ...(entries.length === 0 ? [] : entryTable(entries)),
  ]);
}

async function removeEntries(names: readonly string[], options: CacheOptions): Promise<void> {
  const store = await openStore(options);
  const entries = await store.list();
  const matches = (name: string) =>
    entries.filter(({ id, model }) => name === 'all' || id.startsWith(name) || model === name);
  const unknown = names.find((name) => name !== 'all' && matches(name).length === 0);
  if (unknown !== undefined)
    throw new UsageError(`${unknown}: no entry and no model of ${store.folder}; bitbudget cache list shows them`);
  const removed: EntryInfo[] = [];
  const kept: EntryInfo[] = [];
  for (const entry of new Set(names.flatMap(matches))) ((await store.remove(entry)) ? removed : kept).push(entry);
  printRemoved(options, { removed, kept });
}

async function pruneEntries(options: PruneOptions): Promise<void> {
  const { older, keep } = options;
  if (older === undefined && keep === undefined)
    throw new UsageError('cache prune: give --older 30d, --keep 2GB, or both');
  const { prune } = await import('../store/prune.node.ts');
  printRemoved(options, await prune(await openStore(options), { olderMs: older, keepBytes: keep }));
}

interface Removal {
  readonly removed: readonly EntryInfo[];
  readonly kept: readonly EntryInfo[];
}

function printRemoved(options: OutputOptions, { removed, kept }: Removal): void {
  printResult(options, { removed, inUse: kept }, () => [
    `removed ${describeTotal(removed)}`,
    ...(kept.length === 0 ? [] : [`left ${describeTotal(kept)} in use by other runs`]),
  ]);
}

function describeTotal(entries: readonly EntryInfo[]): string {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}, ${formatSize(bytes)}`;
}

function entryTable(entries: readonly EntryInfo[]): string[] {
  const now = Date.now();
  const head = ['model', 'step', 'size', 'last used', 'id'];
  const rows = entries.map(({ id, step, model, bytes, usedAt, inUse }) => [
    model,
    STEPS[step] ?? step,
    formatSize(bytes),
    inUse ? 'in use' : `${formatAge(now - usedAt)} ago`,
    shortId(id, entries),
  ]);
  return table(head, rows);
}

const SHORT_HASH = 8;

/** The shortest beginning of an id, from eight digits of its hash on, that no other entry has: `rm` takes it. */
function shortId(id: string, all: readonly EntryInfo[]): string {
  let length = id.indexOf('-') + 1 + SHORT_HASH;
  while (length < id.length && all.some((other) => other.id !== id && other.id.startsWith(id.slice(0, length))))
    length++;
  return id.slice(0, length);
}

const HOUR_MS = 3_600_000;

/** Milliseconds of `30d`, `12h` or `2w`. @throws UsageError */
function parseAge(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([hdw])$/i.exec(text.trim());
  if (match === null) throw new UsageError(`time ${text}: expected days, hours or weeks, such as 30d, 12h or 2w`);
  return Number(match[1]) * HOUR_MS * { h: 1, d: 24, w: 168 }[match[2].toLowerCase() as 'h' | 'd' | 'w'];
}

function formatAge(milliseconds: number): string {
  const hours = milliseconds / HOUR_MS;
  if (hours < 1) return `${Math.round(hours * 60)} min`;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
}
