import { availableParallelism } from 'node:os';
import { fileSink, fileSource, resolveModel } from '../../container/node.ts';
import { createWasmKernels } from '../../kernels/wasm/index.ts';
import { openModel } from '../../model/open.node.ts';
import { openModel as openFiles } from '../../model/open.ts';
import { workerPool } from '../../quantize/pool.node.ts';
import { boundaryStore } from '../../run/boundaries.node.ts';
import { storePlace } from '../../store/place.node.ts';
import { WorkStore } from '../../store/store.node.ts';
import { assetPath, calibrationText, evaluationText } from '../../text/assets.node.ts';
import { loadCorpus } from '../../text/corpus.node.ts';
import { corpusOfBlob } from '../../text/corpus-blob.ts';
import { makeFolders } from '../preflight/outputs.node.ts';
import { checkRoom } from '../preflight/room.node.ts';
import type { Host } from './types.ts';

/** Node: WebAssembly on all cores, worker threads, files, and the store that all processes share. */
export const nodeHost: Host = {
  versions: { node: process.versions.node },
  threads: availableParallelism(),
  ownTexts: { calibration: assetPath(calibrationText), evaluation: assetPath(evaluationText) },
  availableMemory: () => process.availableMemory(),
  kernels: (threads) => createWasmKernels({ threads }),
  workers: workerPool,
  store: async (folder) => new WorkStore(folder ?? (await storePlace({})).folder),
  boundaries: (shape, limit, entry) => boundaryStore(shape, limit, entry.scratch),
  checkRoom: (needed, output, store) => checkRoom(needed, output, store.folder),
  corpus: async (files) => {
    const texts = files.map((file) => (typeof file === 'string' ? loadCorpus([file]) : corpusOfBlob(file)));
    return { documents: (await Promise.all(texts)).flatMap(({ documents }) => documents) };
  },
  source: fileSource,
  sink: async (path) => {
    await makeFolders([path]);
    return await fileSink(path);
  },
  openWritten: (path) => openModel(path),
  openModel: async (source, { purpose = 'run', ...work } = {}) =>
    typeof source === 'string'
      ? await openModel(await resolveModel(source, { ...work, purpose }), purpose)
      : await openFiles(source, work),
};
