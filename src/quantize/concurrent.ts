/**
 * Runs `work` over items with at most `limit` under way, results in the order of items. The first failure stops new
 * work, waits for what is under way, and is thrown.
 */
export async function concurrently<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined) {
      const step = iterator.next();
      if (step.done) return;
      const index = next++;
      try {
        results[index] = await work(step.value, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  if (failure !== undefined) throw failure.error;
  return results;
}
