import { frequenciesOf, levelsOf, TOTAL_BITS } from './frequencies.ts';
import type { Classes, CodeMatrix, EntropyCoder } from './types.ts';

/**
 * Latent classes of rows and columns: the distribution of a code depends on the pair of classes that meet in it. They
 * minimize the length of the coded matrix, rows and columns in turn.
 * @see Chakrabarti et al., "Fully Automatic Cross-Associations", KDD 2004 (co-clustering by description length)
 */
const ROUNDS = 4;
/** A table without a symbol must still price it. */
const UNSEEN = 0.5;

/** Rows and columns by the spread of their codes, the narrowest first. */
export interface Orders {
  readonly rows: Uint32Array;
  readonly columns: Uint32Array;
}

/** Classes of the numbers asked for, started at equal shares of rows and columns by spread. */
export function estimateClasses(
  matrix: CodeMatrix,
  orders: Orders,
  rowClasses: number,
  columnClasses: number,
  coder: EntropyCoder,
): Classes {
  const ofRow = quantiles(orders.rows, rowClasses);
  const ofColumn = quantiles(orders.columns, columnClasses);
  const classes = { rowClasses, columnClasses, ofRow, ofColumn };
  const assign = (axis: 'row' | 'column') =>
    coder.assignClasses(matrix, classes, axis, priceList(coder.pairCounts(matrix, classes), classes, axis));
  for (let round = 0; round < ROUNDS && rowClasses * columnClasses > 1; round++) {
    const isStill = [rowClasses > 1 && assign('row'), columnClasses > 1 && assign('column')].every((moved) => !moved);
    if (isStill) break;
  }
  return classes;
}

/** Defines `EntropyCoder.pairCounts`. */
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

/** By mean distance of the codes of every row and column from the mean code. */
export function spreadOrders({ rows, columns, codes }: CodeMatrix): Orders {
  let sum = 0;
  for (const code of codes) sum += code;
  const mean = sum / codes.length;
  const rowSpread = new Float64Array(rows);
  const columnSpread = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const distance = Math.abs(codes[at] - mean);
      rowSpread[i] += distance;
      columnSpread[j] += distance;
    }
  return { rows: ascending(rowSpread), columns: ascending(columnSpread) };
}

function ascending(spread: Float64Array): Uint32Array {
  return Uint32Array.from(spread.keys()).sort((a, b) => spread[a] - spread[b] || a - b);
}

function quantiles(order: Uint32Array, classes: number): Uint8Array {
  const ofItem = new Uint8Array(order.length);
  order.forEach((item, rank) => {
    ofItem[item] = Math.floor((rank * classes) / order.length);
  });
  return ofItem;
}

/** Bits of every symbol under every pair, as `assignClasses` takes them. */
function priceList(counts: Float64Array, { rowClasses, columnClasses }: Classes, axis: 'row' | 'column'): Float64Array {
  const symbols = counts.length / (rowClasses * columnClasses);
  const prices = new Float64Array(counts.length);
  for (let pair = 0; pair < rowClasses * columnClasses; pair++) {
    const own = counts.subarray(pair * symbols, (pair + 1) * symbols);
    const total = own.reduce((sum, count) => sum + count + UNSEEN, 0);
    const [row, column] = [Math.floor(pair / columnClasses), pair % columnClasses];
    const [mine, classes, other] = axis === 'row' ? [row, rowClasses, column] : [column, columnClasses, row];
    for (let symbol = 0; symbol < symbols; symbol++)
      prices[(other * symbols + symbol) * classes + mine] = Math.log2(total / (own[symbol] + UNSEEN));
  }
  return prices;
}

/** Defines `EntropyCoder.assignClasses`. */
export function assignClasses(
  { columns, symbols, codes }: CodeMatrix,
  { rowClasses, columnClasses, ofRow, ofColumn }: Classes,
  axis: 'row' | 'column',
  prices: Float64Array,
): boolean {
  const isRow = axis === 'row';
  const [mine, classes, others] = isRow ? [ofRow, rowClasses, ofColumn] : [ofColumn, columnClasses, ofRow];
  const [stepOfItem, stepOfOther] = isRow ? [columns, 1] : [1, columns];
  const counts = new Float64Array(prices.length / classes);
  const costs = new Float64Array(classes);
  let moved = false;
  mine.forEach((current, item) => {
    counts.fill(0);
    for (let k = 0; k < others.length; k++) counts[others[k] * symbols + codes[item * stepOfItem + k * stepOfOther]]++;
    costs.fill(0);
    counts.forEach((count, cell) => {
      if (count > 0) for (let k = 0; k < classes; k++) costs[k] += count * prices[cell * classes + k];
    });
    const best = cheapest(costs, current);
    moved ||= best !== current;
    mine[item] = best;
  });
  return moved;
}

/** The class with the least cost; `current` where none is less. */
function cheapest(costs: Float64Array, current: number): number {
  let best = current;
  for (let k = 0; k < costs.length; k++) if (costs[k] < costs[best]) best = k;
  return best;
}
