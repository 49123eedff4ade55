/** Anything bytes can be read from by ranges: memory, a file, a browser `File`, an HTTP URL. */
export interface ByteSource {
  /** For messages: a path, a URL, `memory`. */
  readonly name: string;
  readonly byteLength: number;
  /** Bytes [start, end). Throws FormatError when the range is not inside the source. */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Where output goes: written in order, named finally only when whole. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes and gives the output its final name. */
  commit(): Promise<void>;
  /** Removes what was written. Safe after commit (does nothing). */
  abort(): Promise<void>;
}

/** One tensor of a file; its bytes are not read until asked for. */
export interface TensorEntry {
  readonly name: string;
  /** Name of the number format (numeric registry), or the container's own name of a type that is not in it (`I64`). */
  readonly format: string;
  /** Outermost dimension first: [rows, columns] for a matrix, as safetensors and PyTorch write it. */
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Bytes [start, end) of the tensor's data, default all of it. */
  read(start?: number, end?: number): Promise<Uint8Array>;
}

/** GGUF metadata values. 64-bit integers are numbers where that is exact (in an array: for all of it), bigint otherwise. */
export type MetadataValue = number | bigint | boolean | string | MetadataArray;
export type MetadataArray =
  | readonly string[]
  | readonly boolean[]
  | readonly number[]
  | readonly bigint[]
  | readonly MetadataArray[];

/** A metadata value with the GGUF value type it must be written as. */
export interface TypedMetadata {
  /** GGUF spec names: uint8 int8 uint16 int16 uint32 int32 float32 bool string uint64 int64 float64, or `array:T`. */
  type: string;
  value: MetadataValue;
}

/** A readable model file, possibly of several shards. */
export interface TensorFile {
  readonly container: 'gguf' | 'safetensors';
  /** GGUF key-values in file order; safetensors `__metadata__`. */
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** In file order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  close(): Promise<void>;
}
