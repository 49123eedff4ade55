/** Remembers finished results by key, so that interrupted work goes on where it stopped. */
export interface Memory<T> {
  get(key: string): Promise<T | undefined>;
  put(key: string, value: T): Promise<void>;
}
