import type { LatencyKey, LatencyRound, LatencyTable } from './types.ts';

/** A table out of its JSON; undefined when it is damaged or holds for another key. */
export function checkTable(text: string, key: LatencyKey): LatencyTable | undefined {
  let found: Partial<LatencyTable>;
  try {
    found = JSON.parse(text) as Partial<LatencyTable>;
  } catch {
    return undefined;
  }
  if (found?.version !== 2 || JSON.stringify(found.key) !== JSON.stringify(key)) return undefined;
  const rounds = Object.entries(found.rounds ?? {});
  if (!rounds.every(([, visits]) => Array.isArray(visits) && visits.every(isRound))) return undefined;
  return { version: 2, key, rounds: Object.fromEntries(rounds) };
}

function isRound(value: Partial<LatencyRound> | null): boolean {
  return isTime(value?.fixed) && Object.values(value?.products ?? {}).every(isTime);
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
