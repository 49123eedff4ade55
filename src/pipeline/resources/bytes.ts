import { modelFileSize } from '../../model/write-gguf.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { costOf, type Resource, type Setting } from './types.ts';

/** Bytes of the finished file; fixed are header, metadata and vectors. */
export function bytes({ model, table, notes }: Setting): Resource {
  const smallest = new Map(table.tensors.map(({ tensor, prices }) => [tensor, prices[0].format]));
  const chosen = table.tensors.reduce(
    (sum, { rows, columns, prices }) => sum + storedBytes(prices[0].format, rows, columns),
    0,
  );
  const formatOf = ({ name }: { name: string }): string => smallest.get(name) ?? 'F32';
  return {
    name: 'bytes',
    fixed: modelFileSize(model, { formatOf, metadata: notes }) - chosen,
    cost: costOf({ weight: ({ rows, columns }, name) => storedBytes(name, rows, columns) }),
  };
}

/** GGUF pads every tensor to this many bytes. */
const ALIGNMENT = 32;

/** Bytes that a matrix takes in the file. */
export function storedBytes(formatName: string, rows: number, columns: number): number {
  return Math.ceil((rows * rowBytes(format(formatName), columns)) / ALIGNMENT) * ALIGNMENT;
}
