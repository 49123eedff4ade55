/** Some weights in a format. */
interface Part {
  readonly format: string;
  readonly rows: number;
  readonly columns: number;
}

/** `Q4_K 61 %, Q6_K 39 %` by weights. */
export function formatShares(parts: readonly Part[]): string {
  const weights = (members: readonly Part[]): number =>
    members.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const total = weights(parts);
  return [...Map.groupBy(parts, ({ format }) => format)]
    .map(([format, members]) => ({ format, share: weights(members) / total }))
    .sort((a, b) => b.share - a.share)
    .map(({ format, share }) => `${format} ${(100 * share).toFixed(0)} %`)
    .join(', ');
}
