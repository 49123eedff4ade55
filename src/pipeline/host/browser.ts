import { fetchSource } from '../../container/source/fetch.ts';
import { baseName } from '../../container/source/range.ts';
import type { ByteSink } from '../../container/types.ts';
import { locatedAsset } from '../../core/assets.ts';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { createWasmKernels } from '../../kernels/wasm/index.ts';
import { openModel } from '../../model/open.ts';
import { type JobRunner, priceFormats, roundRows } from '../../quantize/jobs.ts';
import { memoryBoundaries } from '../../run/boundaries.ts';
import { cannotWrite, opfsStore, originFolder } from '../../store/opfs.ts';
import type { Corpus } from '../../text/corpus.ts';
import { corpusOfBlob } from '../../text/corpus-blob.ts';
import type { RoomNeeded } from '../preflight/types.ts';
import type { Host } from './types.ts';

/**
 * A browser's worker: WebAssembly, with threads where the page is cross-origin isolated; files and kept work in the origin's
 * private file system. Texts are addresses or blobs.
 */
export const browserHost: Host = {
  versions: { browser: /(?:Firefox|Chrome|Version)\/[\d.]+/.exec(globalThis.navigator?.userAgent ?? '')?.[0] ?? '' },
  threads: globalThis.crossOriginIsolated ? (globalThis.navigator?.hardwareConcurrency ?? 1) : 1,
  get ownTexts() {
    return {
      calibration: (
        locatedAsset('calibration.txt.gz') ?? new URL('../../../assets/text/calibration.txt.gz', import.meta.url)
      ).href,
      evaluation: (
        locatedAsset('evaluation.txt.gz') ?? new URL('../../../assets/text/evaluation.txt.gz', import.meta.url)
      ).href,
    };
  },
  availableMemory: () => Infinity,
  kernels: (threads) => createWasmKernels({ threads }),
  workers: localRunner,
  store: opfsStore,
  boundaries: (shape) => memoryBoundaries(shape),
  checkRoom,
  corpus: async (files) => {
    const texts = files.map((file) => (typeof file === 'string' ? fetchedText(file) : corpusOfBlob(file)));
    return { documents: (await Promise.all(texts)).flatMap(({ documents }) => documents) };
  },
  source: (address) => fetchSource(address),
  sink: originSink,
  openWritten: async (name) => await openModel(await writtenFile(name)),
  openModel: (source, work) => openModel(source, work),
};

/** Rounds and prices here, one matrix at a time, in a memory of its own: their products are too small to share among threads. */
function localRunner(): JobRunner {
  let kernels: Promise<Kernels> | undefined;
  const device = async (signal?: AbortSignal): Promise<Kernels> => {
    kernels ??= createWasmKernels({ threads: 1 });
    const ready = await kernels;
    // A job runs without pause: between two of them others get their turn.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    return ready;
  };
  return {
    concurrency: 1,
    round: async (job, signal) => roundRows(await device(signal), job),
    price: async (job, signal) => priceFormats(await device(signal), job),
    close: async () => (await kernels)?.close(),
  };
}

async function checkRoom({ outputBytes, keptBytes, temporaryBytes }: RoomNeeded): Promise<void> {
  const { quota = Infinity, usage = 0 } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
  const needed = outputBytes + keptBytes + temporaryBytes;
  if (quota - usage >= needed) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  throw new BitbudgetError(
    `storage: this site may still keep ${megabytes(quota - usage)}, ${megabytes(needed)} are needed; make room on the disk`,
    { code: 'storage' },
  );
}

/** The text behind an address; its name tells what it holds. */
async function fetchedText(address: string): Promise<Corpus> {
  const source = await fetchSource(address);
  const bytes = (await source.read(0, source.byteLength)) as Uint8Array<ArrayBuffer>;
  return await corpusOfBlob(new Blob([bytes]), baseName(address));
}

/**
 * A file that a job has written in the browser.
 * @param name as it was given to the job
 * @returns the file; its bytes are read when they are asked for
 * @throws UsageError when there is none
 */
export async function writtenFile(name: string): Promise<File> {
  const folder = await originFolder();
  const handle = await folder.getFileHandle(name).catch((cause: Error) => {
    throw new UsageError(`${name}: no such file in this site's private file system (${cause.name})`, { cause });
  });
  return await handle.getFile();
}

/** Writes beside the file of that name, which is replaced when it is whole. */
async function originSink(name: string): Promise<ByteSink> {
  if (name === '' || /[/\\]/.test(name))
    throw new UsageError(`output "${name}": expected a bare file name, such as small.gguf`);
  const folder = await originFolder();
  const open = async (): Promise<FileSystemWritableFileStream> =>
    await (await folder.getFileHandle(name, { create: true })).createWritable();
  const stream = await open().catch((cause: Error) => {
    throw cannotWrite(name, cause);
  });
  return {
    write: (bytes) =>
      stream.write(bytes as Uint8Array<ArrayBuffer>).catch((cause: Error) => {
        throw cannotWrite(name, cause);
      }),
    commit: () =>
      stream.close().catch((cause: Error) => {
        throw cannotWrite(name, cause);
      }),
    abort: () => stream.abort().catch(() => {}),
  };
}
