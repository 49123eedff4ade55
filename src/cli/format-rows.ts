import { UsageError } from '../core/errors.ts';
import { packedFormats } from '../kernels/packedFormats.ts';
import type { EncodeBackend } from '../numeric/backend.ts';
import { fidelity, syntheticSource } from '../numeric/fidelity.ts';
import { containersOf, type Entry, families, isBlocked, rangeOf, registry, storedBits } from '../numeric/registry.ts';
import { didYouMean } from './support/suggest.ts';

/** What `bitbudget formats --json` prints of each format. */
export interface FormatRow {
  readonly name: string;
  readonly family: string;
  /** As stored: scales, headers and padding included; of a 4096 × 4096 tensor where the shape counts, of 128 rows of normal values where they do. */
  readonly bitsPerWeight: number;
  /** Values that share a scale or are coded together. */
  readonly block: string;
  /** Least and largest level before scales. */
  readonly range?: readonly [number, number];
  /** Signal to quantization noise on unit variance, decibels; absent where there is no encoder. */
  readonly sqnr?: { readonly gaussian: number; readonly laplace: number };
  /** Containers that can hold it, with its name there. */
  readonly containers: Readonly<Record<string, string>>;
  /** Whether products are computed from its blocks here. */
  readonly runs: boolean;
}

const ROWS = 8;
/** Rows on which lengths that depend on values are told: tables of few codes would weigh too much. */
const VARIABLE_ROWS = 128;
const COLUMNS = 256;
const SEED = 1;

/** Which formats are listed; default those that can be written into a file. */
export interface FormatChoice {
  /** Every format that there is. */
  readonly all?: boolean;
  /** Name of a family. */
  readonly family?: string;
  /** Name of a container that can hold them. */
  readonly heldBy?: string;
}

/** @throws UsageError for a family or container that there is not */
export function formatRows(choice: FormatChoice, backend: EncodeBackend): FormatRow[] {
  const gaussian = syntheticSource('Gaussian', ROWS, COLUMNS, SEED);
  const many = syntheticSource('Gaussian', VARIABLE_ROWS, COLUMNS, SEED);
  const laplace = syntheticSource('Laplace', ROWS, COLUMNS, SEED);
  return chosen(choice).map((entry) => {
    const { family, format, tensor } = entry;
    const range = rangeOf(format);
    return {
      name: format.name,
      family: family.name,
      bitsPerWeight: tensor.isVariable ? fidelity(tensor, many, backend).bitsPerWeight : storedBits(entry),
      block: tensor.block,
      ...(range && { range }),
      ...(canEncode(entry) && {
        sqnr: {
          gaussian: fidelity(tensor, gaussian, backend).sqnr,
          laplace: fidelity(tensor, laplace, backend).sqnr,
        },
      }),
      containers: containersOf(format),
      runs: packedFormats.includes(format.name),
    };
  });
}

function chosen({ all, family, heldBy }: FormatChoice): Entry[] {
  const entries = [...registry.values()];
  const holders = new Set(entries.flatMap(({ format }) => Object.keys(containersOf(format))));
  requireOneOf('family', family, new Set(families.map(({ name }) => name)));
  requireOneOf('held-by', heldBy, holders);
  if (!all && family === undefined && heldBy === undefined) return entries.filter(isWritten);
  return entries
    .filter((entry) => family === undefined || entry.family.name === family)
    .filter(({ format }) => heldBy === undefined || heldBy in containersOf(format));
}

function requireOneOf(option: string, value: string | undefined, known: ReadonlySet<string>): void {
  if (value !== undefined && !known.has(value))
    throw new UsageError(`--${option} ${value}: expected one of ${[...known].join(', ')}${didYouMean(value, known)}`);
}

/** Whether `quantize` writes it. */
function isWritten(entry: Entry): boolean {
  return isBlocked(entry.format) && entry.format.gguf !== undefined && canEncode(entry);
}

function canEncode({ format }: Entry): boolean {
  return !isBlocked(format) || format.encodeBlocks !== undefined;
}
