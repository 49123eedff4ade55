/** Edits beyond which a name is no slip of the finger: a third of its letters, at least one. */
const SHARE = 1 / 3;

/**
 * The known name that was probably meant, case and separators aside; undefined where none is close.
 * @see Damerau (1964): one slip is a letter too many, too few, another, or two exchanged
 */
export function closest(text: string, known: Iterable<string>): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_. ]/g, '');
  let best: string | undefined;
  let least = Math.max(1, Math.floor(SHARE * text.length)) + 1;
  for (const name of known) {
    const edits = distance(plain(text), plain(name));
    if (edits < least) [least, best] = [edits, name];
  }
  return best;
}

/** ` (did you mean Q4_K?)`, or nothing: goes behind what was found. */
export function didYouMean(text: string, known: Iterable<string>): string {
  const name = closest(text, known);
  return name === undefined ? '' : ` (did you mean ${name}?)`;
}

/** Slips that turn one word into the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, change);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}
