/** Allocations begin and end at multiples of this many bytes. */
export const ALIGNMENT = 64;
const PAGE = 65536;
/** Memory grows by at least this much at a time, because every growth makes a new buffer object. */
const GROWTH = 16 * 2 ** 20;

interface Span {
  start: number;
  end: number;
}

/**
 * First-fit allocator over one shared WebAssembly.Memory. Its books are kept in JavaScript, on the calling thread, so
 * that the memory itself holds nothing but values. Addresses are bytes and multiples of 64.
 */
export class Allocator {
  readonly memory: WebAssembly.Memory;
  readonly #maximumBytes: number;
  /** Free spans by rising address, never touching one another. */
  readonly #free: Span[] = [];
  /** Bytes of each live allocation by address. */
  readonly #sizes = new Map<number, number>();
  readonly #scopes: Set<number>[] = [];
  #end: number;
  #used = 0;
  #peak = 0;

  /** @param base first byte that may be handed out */
  constructor(memory: WebAssembly.Memory, base: number, maximumBytes: number) {
    this.memory = memory;
    this.#end = Math.ceil(base / ALIGNMENT) * ALIGNMENT;
    this.#maximumBytes = maximumBytes;
  }

  /** Bytes in use now and at the highest, rounded up to 64 each. */
  get statistics(): { used: number; peak: number } {
    return { used: this.#used, peak: this.#peak };
  }

  /**
   * Memory of unknown content.
   * @throws RangeError when memory is exhausted
   */
  allocate(bytes: number): number {
    const size = Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    const address = this.#takeFree(size) ?? this.#extend(size);
    this.#sizes.set(address, size);
    this.#scopes.at(-1)?.add(address);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  /** @throws RangeError when nothing is allocated at `address` */
  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) {
      throw new RangeError(`kernel memory at ${address} is not allocated: it was freed twice, or is part of an array`);
    }
    this.#sizes.delete(address);
    for (const scope of this.#scopes) scope.delete(address);
    this.#used -= size;
    this.#giveBack({ start: address, end: address + size });
  }

  /** Takes an allocation out of all scopes: it stays until it is freed by address. Returns its bytes. */
  keep(address: number): number {
    for (const scope of this.#scopes) scope.delete(address);
    return this.#sizes.get(address) ?? 0;
  }

  /** Frees on return everything that `work` allocated and did not free. */
  scope<T>(work: () => T): T {
    const scope = new Set<number>();
    const depth = this.#scopes.push(scope);
    try {
      const result = work();
      if (result instanceof Promise) {
        throw new TypeError(
          'scope got an asynchronous function: it would free memory that is still in use; await outside',
        );
      }
      return result;
    } finally {
      this.#scopes.length = depth - 1;
      for (const address of scope) this.free(address);
    }
  }

  #takeFree(size: number): number | undefined {
    const index = this.#free.findIndex((span) => span.end - span.start >= size);
    if (index < 0) return undefined;
    const span = this.#free[index];
    const address = span.start;
    span.start += size;
    if (span.start === span.end) this.#free.splice(index, 1);
    return address;
  }

  #extend(size: number): number {
    const last = this.#free.at(-1);
    const start = last?.end === this.#end ? last.start : this.#end;
    const end = start + size;
    this.#growTo(end, size);
    if (start !== this.#end) this.#free.pop();
    this.#end = end;
    return start;
  }

  #growTo(end: number, size: number): void {
    const have = this.memory.buffer.byteLength;
    if (end <= have) return;
    const needed = Math.ceil((end - have) / PAGE);
    const wanted = Math.min(Math.max(needed, GROWTH / PAGE), Math.floor((this.#maximumBytes - have) / PAGE));
    try {
      if (end > this.#maximumBytes) throw new RangeError('over the maximum');
      this.memory.grow(wanted);
    } catch (cause) {
      const found = `${size} bytes do not fit: ${this.#used} of ${this.#maximumBytes} are in use`;
      throw new RangeError(`kernel memory is exhausted: ${found}; free arrays or raise maximumBytes (at most 4 GiB)`, {
        cause,
      });
    }
  }

  #giveBack(span: Span): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle].start < span.start) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    if (after?.start === span.end) {
      span.end = after.end;
      this.#free.splice(low, 1);
    }
    if (before?.end === span.start) before.end = span.end;
    else this.#free.splice(low, 0, span);
  }
}
