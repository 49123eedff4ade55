import { BitbudgetError } from '../core/errors.ts';
import type { ByteSink } from './types.ts';

/** Room that a file's header promised to a tensor. */
export interface Slot {
  readonly name: string;
  /** Data without padding. */
  readonly byteLength: number;
  /** Data and the zeros behind it. */
  readonly paddedLength: number;
}

/**
 * Writes the tensors that a header has announced, in its order and to its sizes; anything else is an error in the
 * caller and throws before a wrong byte is written.
 */
export class SlotStream {
  readonly #sink: ByteSink;
  readonly #slots: readonly Slot[];
  #index = 0;
  /** Bytes of the current tensor written so far. */
  #filled = 0;

  constructor(sink: ByteSink, slots: readonly Slot[]) {
    this.#sink = sink;
    this.#slots = slots;
  }

  /** The next bytes of tensor `name`, which may come in any number of pieces. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#skipEmpty(name);
    const slot = this.#slots[this.#index];
    if (slot?.name !== name) {
      throw new BitbudgetError(
        `tensor ${name} was written where ${slot?.name ?? 'the end'} was announced; write in the order of the header`,
      );
    }
    if (this.#filled + bytes.length > slot.byteLength) {
      throw new BitbudgetError(
        `tensor ${name}: ${this.#filled + bytes.length} bytes were written, ${slot.byteLength} announced`,
      );
    }
    await this.#sink.write(bytes);
    this.#filled += bytes.length;
    if (this.#filled === slot.byteLength) await this.#next(slot);
  }

  /** Checks that everything announced was written. */
  async finish(): Promise<void> {
    await this.#skipEmpty(undefined);
    const slot = this.#slots[this.#index];
    if (slot !== undefined) {
      throw new BitbudgetError(
        `tensor ${slot.name}: ${this.#filled} of ${slot.byteLength} announced bytes were written`,
      );
    }
  }

  /** Tensors of no bytes need not be written. */
  async #skipEmpty(name: string | undefined): Promise<void> {
    for (
      let slot = this.#slots[this.#index];
      slot?.byteLength === 0 && slot.name !== name;
      slot = this.#slots[this.#index]
    ) {
      await this.#next(slot);
    }
  }

  async #next(slot: Slot): Promise<void> {
    const padding = slot.paddedLength - slot.byteLength;
    if (padding > 0) await this.#sink.write(new Uint8Array(padding));
    this.#index++;
    this.#filled = 0;
  }
}
