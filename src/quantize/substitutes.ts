/** A matrix that the format a plan names cannot hold. */
export interface Substitute {
  readonly tensor: string;
  readonly asked: string;
  /** What it is stored in: the smallest format that holds it and has at least the bits asked for. */
  readonly stored: string;
  /** Why, in words: `rows of 64 are no multiple of 256`. */
  readonly reason: string;
}

/** A line for every format asked for that is not what all matrices are stored in: what instead, in which, and why. */
export function describeSubstitutes(substitutes: readonly Substitute[]): string[] {
  const kinds = Map.groupBy(substitutes, ({ asked, stored }) => `${stored} instead of ${asked}`);
  return [...kinds].map(([kind, members]) => {
    const reasons = [...new Set(members.map(({ reason }) => reason))].slice(0, 3).join(', ');
    const where = members.length === 1 ? members[0].tensor : `${members.length} matrices`;
    return `${kind} in ${where}: ${reasons}`;
  });
}
