import type { Team } from './team.ts';

type AnyArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

interface Call {
  /** Arrays to copy in, addresses, or nothing (0). */
  readonly inputs: readonly (AnyArray | number | undefined)[];
  /** Arrays to fill. */
  readonly outputs: readonly AnyArray[];
  readonly numbers: readonly number[];
}

/** Calls a kernel with arrays of any memory. */
export function run(team: Team, name: string, work: number, { inputs, outputs, numbers }: Call): void {
  team.scope(() => {
    const given = inputs.map((input) => (typeof input === 'object' ? upload(team, input) : (input ?? 0)));
    const places = outputs.map((output) => team.allocate(output.byteLength));
    team.dispatch(name, [...given, ...places, ...numbers], work);
    for (const [i, output] of outputs.entries()) bytesOf(output).set(bytesAt(team, places[i], output.byteLength));
  });
}

/** Address of a copy, or of the array itself where it is in the team's memory. */
export function upload(team: Team, array: AnyArray): number {
  if (array.buffer === team.memory.buffer) return array.byteOffset;
  const address = team.allocate(array.byteLength);
  bytesAt(team, address, array.byteLength).set(bytesOf(array));
  return address;
}

function bytesOf({ buffer, byteOffset, byteLength }: AnyArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function bytesAt(team: Team, address: number, length: number): Uint8Array {
  return new Uint8Array(team.memory.buffer, address, length);
}

export function requireBlocks(values: Float32Array, importance: Float32Array | undefined, size: number): void {
  if (values.length % size !== 0) throw new RangeError(`${values.length} values are not whole blocks of ${size}`);
  if (importance !== undefined && importance.length !== values.length)
    throw new RangeError(`${importance.length} importances were given for ${values.length} values`);
}
