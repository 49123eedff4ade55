import { frequenciesOf, levelsOf, TOTAL_BITS } from './frequencies.ts';

/**
 * Latent classes of rows and columns: the distribution of a code depends on the pair of classes that meet in it. They
 * minimize the length of the coded matrix, rows and columns in turn.
 * @see Chakrabarti et al., "Fully Automatic Cross-Associations", KDD 2004 (co-clustering by description length)
 */
export interface CodeMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Codes are below it; at most 256. */
  readonly symbols: number;
  /** [rows, columns] */
  readonly codes: Uint8Array;
}

export interface Classes {
  readonly rowClasses: number;
  readonly columnClasses: number;
  /** [rows] */
  readonly ofRow: Uint8Array;
  /** [columns] */
  readonly ofColumn: Uint8Array;
}

const ROUNDS = 4;
/** A table without a symbol must still price it. */
const UNSEEN = 0.5;

/** Classes of the numbers asked for, started at equal shares of rows and columns by the spread of their codes. */
export function estimateClasses(matrix: CodeMatrix, rowClasses: number, columnClasses: number): Classes {
  const { rowSpread, columnSpread } = spreads(matrix);
  const ofRow = quantiles(rowSpread, rowClasses);
  const ofColumn = quantiles(columnSpread, columnClasses);
  const classes = { rowClasses, columnClasses, ofRow, ofColumn };
  for (let round = 0; round < ROUNDS && rowClasses * columnClasses > 1; round++) {
    const isStill = [
      rowClasses > 1 && assignRows(matrix, classes),
      columnClasses > 1 && assignColumns(matrix, classes),
    ].every((moved) => !moved);
    if (isStill) break;
  }
  return classes;
}

/** How often each symbol occurs under each pair. @returns [rowClasses, columnClasses, symbols] */
export function pairCounts({ rows, columns, symbols, codes }: CodeMatrix, classes: Classes): Float64Array {
  const { rowClasses, columnClasses, ofRow, ofColumn } = classes;
  const counts = new Float64Array(rowClasses * columnClasses * symbols);
  for (let i = 0, at = 0; i < rows; i++) {
    const from = ofRow[i] * columnClasses;
    for (let j = 0; j < columns; j++, at++) counts[(from + ofColumn[j]) * symbols + codes[at]]++;
  }
  return counts;
}

/** Tables of all pairs as they are stored, and the bits that the codes take with them. */
export function tablesOf(counts: Float64Array, symbols: number): { levels: Uint8Array[]; bits: number } {
  let bits = 0;
  const levels = Array.from({ length: counts.length / symbols }, (_, pair) => {
    const own = counts.subarray(pair * symbols, (pair + 1) * symbols);
    const stored = levelsOf(own);
    frequenciesOf(stored).forEach((frequency, symbol) => {
      if (frequency > 0) bits += own[symbol] * (TOTAL_BITS - Math.log2(frequency));
    });
    return stored;
  });
  return { levels, bits };
}

/** Mean distance of the codes of every row and column from the mean code. */
function spreads({ rows, columns, codes }: CodeMatrix) {
  const mean = codes.reduce((sum, code) => sum + code, 0) / codes.length;
  const rowSpread = new Float64Array(rows);
  const columnSpread = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const distance = Math.abs(codes[at] - mean);
      rowSpread[i] += distance;
      columnSpread[j] += distance;
    }
  return { rowSpread, columnSpread };
}

function quantiles(spread: Float64Array, classes: number): Uint8Array {
  const order = Array.from(spread.keys()).sort((a, b) => spread[a] - spread[b] || a - b);
  const ofItem = new Uint8Array(spread.length);
  order.forEach((item, rank) => {
    ofItem[item] = Math.floor((rank * classes) / order.length);
  });
  return ofItem;
}

/** Bits of every symbol under every pair. */
function priceList(matrix: CodeMatrix, classes: Classes): Float64Array {
  const { symbols } = matrix;
  const prices = pairCounts(matrix, classes);
  for (let from = 0; from < prices.length; from += symbols) {
    const own = prices.subarray(from, from + symbols);
    const total = own.reduce((sum, count) => sum + count + UNSEEN, 0);
    for (let symbol = 0; symbol < symbols; symbol++) own[symbol] = Math.log2(total / (own[symbol] + UNSEEN));
  }
  return prices;
}

/** Gives every row the class under which it is shortest. @returns whether any moved */
function assignRows(matrix: CodeMatrix, classes: Classes): boolean {
  const { rows, columns, symbols, codes } = matrix;
  const { rowClasses, columnClasses, ofRow, ofColumn } = classes;
  const prices = priceList(matrix, classes);
  const stride = columnClasses * symbols;
  const counts = new Float64Array(stride);
  let moved = false;
  for (let i = 0; i < rows; i++) {
    counts.fill(0);
    for (let j = 0; j < columns; j++) counts[ofColumn[j] * symbols + codes[i * columns + j]]++;
    const best = cheapest(rowClasses, ofRow[i], (k) => dot(counts, 0, prices, k * stride, stride));
    moved ||= best !== ofRow[i];
    ofRow[i] = best;
  }
  return moved;
}

/** The same for columns. */
function assignColumns(matrix: CodeMatrix, classes: Classes): boolean {
  const { rows, columns, symbols, codes } = matrix;
  const { rowClasses, columnClasses, ofRow, ofColumn } = classes;
  const prices = priceList(matrix, classes);
  const stride = rowClasses * symbols;
  const counts = new Float64Array(columns * stride);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) counts[j * stride + ofRow[i] * symbols + codes[at]]++;
  let moved = false;
  for (let j = 0; j < columns; j++) {
    const best = cheapest(columnClasses, ofColumn[j], (k) => {
      let bits = 0;
      for (let r = 0; r < rowClasses; r++)
        bits += dot(counts, j * stride + r * symbols, prices, (r * columnClasses + k) * symbols, symbols);
      return bits;
    });
    moved ||= best !== ofColumn[j];
    ofColumn[j] = best;
  }
  return moved;
}

/** The class with the least cost; `current` where none is less. */
function cheapest(classes: number, current: number, costOf: (k: number) => number): number {
  let best = current;
  let least = costOf(current);
  for (let k = 0; k < classes; k++) {
    const cost = costOf(k);
    if (cost < least) {
      least = cost;
      best = k;
    }
  }
  return best;
}

function dot(a: Float64Array, fromA: number, b: Float64Array, fromB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[fromA + i] * b[fromB + i];
  return sum;
}
