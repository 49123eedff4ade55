/*
 * NumPy's file of one array: magic `\x93NUMPY`, version 1.0, length of the header (uint16), the header as a Python dictionary
 * padded with spaces to a multiple of 64 bytes, ending in a newline, and the values, little-endian.
 * @see numpy, doc/source/reference/generated/numpy.lib.format
 */

const MAGIC = Uint8Array.of(0x93, ...new TextEncoder().encode('NUMPY'), 1, 0);
const ALIGNMENT = 64;

/** float32 values in the order of C. @throws RangeError when the shape is of another number of values */
export function npyFile(values: Float32Array, shape: readonly number[]): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) throw new RangeError(`npy: ${values.length} values, expected ${count} for [${shape}]`);
  const sizes = shape.map((size) => `${size},`).join(' ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const before = MAGIC.length + 2;
  const length = Math.ceil((before + text.length + 1) / ALIGNMENT) * ALIGNMENT - before;
  const file = new Uint8Array(before + length + 4 * count);
  const view = new DataView(file.buffer);
  file.set(MAGIC);
  view.setUint16(MAGIC.length, length, true);
  file.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), before);
  for (const [i, value] of values.entries()) view.setFloat32(before + length + 4 * i, value, true);
  return file;
}
