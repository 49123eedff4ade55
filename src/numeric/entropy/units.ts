import { packBits, packedBytes, unpackBits } from '../bits.ts';
import type { Units } from './types.ts';

/** Bytes from one unit to the next. */
export function unitBytes({ headerBytes, bits, codes }: Units): number {
  return headerBytes + packedBytes(codes, bits);
}

/** Defines `EntropyCoder.splitUnits`. */
export function splitUnits(units: Units, bytes: Uint8Array, headers: Uint8Array, codes: Uint8Array): void {
  const { count, headerBytes, bits, codes: each } = units;
  const stride = unitBytes(units);
  for (let i = 0, at = 0; i < count; i++, at += stride) {
    headers.set(bytes.subarray(at, at + headerBytes), i * headerBytes);
    unpackBits(bytes, at + headerBytes, each, bits, codes, i * each);
  }
}

/** Defines `EntropyCoder.joinUnits`. */
export function joinUnits(units: Units, headers: Uint8Array, codes: Uint8Array, bytes: Uint8Array): void {
  const { count, headerBytes, bits, codes: each } = units;
  const stride = unitBytes(units);
  for (let i = 0, at = 0; i < count; i++, at += stride) {
    bytes.set(headers.subarray(i * headerBytes, (i + 1) * headerBytes), at);
    packBits(codes, i * each, each, bits, bytes, at + headerBytes);
  }
}
