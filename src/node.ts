/** bitbudget for Node: everything of `index.ts`, and models on disk, measurements in files, work on all cores. */
import './core/require-node.node.ts';

export { fileSink, fileSource, openTensorFile } from './container/node.ts';
export * from './index.ts';
export { entryMeasurementStore } from './measure/entry-store.ts';
export { openModel } from './model/open.node.ts';
export { evaluateFiles } from './pipeline/evaluate.ts';
export { evaluateTasks, loadTasks } from './pipeline/evaluate-tasks.ts';
export { nodeHost } from './pipeline/host/node.ts';
export type { Host } from './pipeline/host/types.ts';
export { quantizeModel } from './pipeline/quantize.ts';
export { Session } from './pipeline/session.ts';
export { solveFor } from './pipeline/solve.ts';
export { calibrationTokens, evaluationTokens } from './pipeline/texts.ts';
export { workerPool } from './quantize/pool.node.ts';
export { storePlace } from './store/place.node.ts';
export { WorkStore } from './store/store.node.ts';
export type * from './store/types.ts';
export { loadCorpus } from './text/corpus.node.ts';
export { loadText } from './text/load.node.ts';
