/** The parts that the library is made of, in Node: those of `parts.ts`, and files, workers, the store. */
import './core/require-node.node.ts';

export { fileSink, fileSource, openTensorFile } from './container/node.ts';
export { entryMeasurementStore } from './measure/entry-store.ts';
export * from './parts.ts';
export { nodeHost } from './pipeline/host/node.ts';
export { workerPool } from './quantize/pool.node.ts';
export { storePlace } from './store/place.node.ts';
export { WorkStore } from './store/store.node.ts';
export type * from './store/types.ts';
export { loadCorpus } from './text/corpus.node.ts';
export { loadText } from './text/load.node.ts';
