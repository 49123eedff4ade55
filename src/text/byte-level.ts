/**
 * GPT-2's byte alphabet: each byte is one printable character, so that BPE works on strings.
 * Bytes that print as Latin-1 stand for themselves; the other 68 are U+0100 and up, in order.
 * @see Radford et al., "Language models are unsupervised multitask learners", 2019, and its encoder.py
 */
const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const map = new Map<string, number>();
  let shifted = 0x100;
  for (let byte = 0; byte < 256; byte++) map.set(String.fromCharCode(printable(byte) ? byte : shifted++), byte);
  return map;
})();

/** Bytes that a byte-level BPE token stands for; characters outside of the alphabet keep their UTF-8. */
export function bytesOfByteLevel(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...new TextEncoder().encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
