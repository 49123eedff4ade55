import type { ByteSink, ByteSource } from '../../container/types.ts';
import type { ModelPurpose } from '../../container/variants.ts';
import type { WorkOptions } from '../../core/progress.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { WebModelSource } from '../../model/open.ts';
import type { Model } from '../../model/types.ts';
import type { JobRunner } from '../../quantize/jobs.ts';
import type { BoundaryShape, BoundaryStore } from '../../run/boundaries.ts';
import type { Entry, Store } from '../../store/types.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { RoomNeeded } from '../preflight/types.ts';

/**
 * Where a model lies: a path, or `hf:user/repo` of the hub; in browsers an address. Files that a user picked serve everywhere.
 */
export type ModelSource = string | WebModelSource;

/** How a model is opened. */
export interface OpenOptions extends WorkOptions {
  /** Which of several files of a folder or repository is meant; default the written one. */
  readonly purpose?: ModelPurpose;
}

export type { ModelPurpose };

/** A text: what the host calls it (a path in Node, an address in browsers), or its bytes. */
export type TextFile = string | Blob;

/**
 * What jobs need of the place that they run in: a device, workers, a store, files. The order of steps knows no more of it,
 * so the command line, the library and a browser's worker run the same code.
 */
export interface Host {
  /** What results are made by, beside this package: `{ node: '24.21.0' }`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Threads that a job gets unless it says otherwise. */
  readonly threads: number;
  /** The package's own texts, as `corpus` finds them. */
  readonly ownTexts: { readonly calibration: string; readonly evaluation: string };
  /** Bytes that can still be had; Infinity where nobody knows. */
  availableMemory(): number;
  /** A device. Whoever asks for it closes it. */
  kernels(threads: number): Promise<Kernels>;
  /** What rounds and prices matrices. Whoever asks for it closes it. */
  workers(threads: number): JobRunner;
  /** Kept work. @param name of the place, default the user's own */
  store(name?: string): Promise<Store>;
  /** Values between segments: above `limit` bytes out of memory, in the scratch of an entry, where the host can. */
  boundaries(shape: BoundaryShape, limit: number, entry: Entry): BoundaryStore;
  /** Whether there is room for a job. @throws BitbudgetError with what is needed and what is there */
  checkRoom(needed: RoomNeeded, output: string, store: Store): Promise<void>;
  /** Texts of files and folders, in order. @throws UsageError when one is not there, empty or too long */
  corpus(files: readonly TextFile[]): Promise<Corpus>;
  /** A file to read. @throws BitbudgetError when it is not there */
  source(name: string): Promise<ByteSource>;
  /** A file to write, and the folders above it; an older one of that name is replaced when the new one is whole. */
  sink(name: string): Promise<ByteSink>;
  /** A model that a job has written. @throws FormatError when it is damaged */
  openWritten(output: string): Promise<Model>;
  /** A model. Whoever opens it closes it. @throws FormatError when it is damaged or not supported */
  openModel(source: ModelSource, options?: OpenOptions): Promise<Model>;
}
