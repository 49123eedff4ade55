import { FormatError } from '../core/errors.ts';

/**
 * SentencePiece's compiled normalization (`precompiled_charsmap`): replacements of byte sequences, the longest first.
 *
 *     uint32 LE: bytes of the trie | trie, uint32 LE each | replacements, each ended by a zero byte
 *
 * A trie's unit: bits 0 to 7 the byte it is reached by, bit 8 whether it ends a sequence, bit 9 whether its offset is
 * shifted by 8, bits 10 to 30 the offset, bit 31 set in units that hold a value.
 * @see Kanda 2018, compact double arrays; google/sentencepiece third_party/darts_clone/darts.h
 */
export class CharactersMap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;

  /** @param bytes empty: nothing is replaced @throws FormatError when they contradict themselves */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (bytes.length > 0 && (trieBytes + 4 >= bytes.length || trieBytes % 4 !== 0))
      throw damaged(`a trie of ${trieBytes} bytes in ${bytes.length}`);
    this.#units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#replacements = bytes.subarray(bytes.length === 0 ? 0 : 4 + trieBytes);
  }

  /** Text with every sequence replaced. */
  apply(text: string): string {
    if (this.#units.length === 0) return text;
    const bytes = new TextEncoder().encode(text);
    const out: Uint8Array[] = [];
    let [kept, at] = [0, 0];
    while (at < bytes.length) {
      const match = this.#longest(bytes, at);
      if (match === undefined) {
        at += lengthOfCharacter(bytes[at]);
        continue;
      }
      out.push(bytes.subarray(kept, at), match.replacement);
      at += match.length;
      kept = at;
    }
    out.push(bytes.subarray(kept));
    const whole = new Uint8Array(out.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of out) {
      whole.set(part, offset);
      offset += part.length;
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole);
  }

  /** The longest sequence of the map that stands at `start`. */
  #longest(
    bytes: Uint8Array,
    start: number,
  ): { readonly length: number; readonly replacement: Uint8Array } | undefined {
    let node = offsetOf(this.#unit(0));
    let found: { length: number; at: number } | undefined;
    for (let i = start; i < bytes.length && bytes[i] !== 0; i++) {
      node ^= bytes[i];
      const unit = this.#unit(node);
      if ((unit & 0x8000_00ff) !== bytes[i]) break;
      node ^= offsetOf(unit);
      if ((unit >>> 8) & 1) found = { length: i - start + 1, at: this.#unit(node) & 0x7fff_ffff };
    }
    if (found === undefined) return undefined;
    const end = this.#replacements.indexOf(0, found.at);
    if (found.at >= this.#replacements.length || end < 0) throw damaged(`a replacement at ${found.at}`);
    return { length: found.length, replacement: this.#replacements.subarray(found.at, end) };
  }

  #unit(index: number): number {
    if (index >= this.#units.length) throw damaged(`a step to unit ${index} of ${this.#units.length}`);
    return this.#units[index];
  }
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

const lengthOfCharacter = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);

function damaged(what: string): FormatError {
  return new FormatError(`precompiled_charsmap: found ${what}; the tokenizer is damaged, fetch it again`);
}
