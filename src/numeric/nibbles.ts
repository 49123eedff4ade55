/** Packs 32 codes into 16 bytes: byte j = low 4 bits of codes j (low half) and j + 16 (high half). */
export function packNibbles(codes: Uint8Array, from: number, bytes: Uint8Array, at: number): void {
  for (let j = 0; j < 16; j++) bytes[at + j] = (codes[from + j] & 15) | ((codes[from + j + 16] & 15) << 4);
}

/** Packs bit 4 of 32 codes into 4 bytes, bit i of the little-endian word = code i. */
export function packHighBits(codes: Uint8Array, from: number, bytes: Uint8Array, at: number): void {
  for (let k = 0; k < 4; k++) {
    let byte = 0;
    for (let i = 0; i < 8; i++) byte |= ((codes[from + 8 * k + i] >> 4) & 1) << i;
    bytes[at + k] = byte;
  }
}

/** The little-endian word that `packHighBits` writes. */
export function readHighBits(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Packs the low 2 bits of 256 codes into 64 bytes: byte 32 h + l = codes 128 h + 32 k + l at bits 2 k, k = 0 … 3. */
export function packTwoBits(codes: Uint8Array, from: number, bytes: Uint8Array, at: number): void {
  for (let h = 0; h < 2; h++) {
    for (let l = 0; l < 32; l++) {
      const i = from + 128 * h + l;
      bytes[at + 32 * h + l] =
        (codes[i] & 3) | ((codes[i + 32] & 3) << 2) | ((codes[i + 64] & 3) << 4) | ((codes[i + 96] & 3) << 6);
    }
  }
}
