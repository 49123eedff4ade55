export type { HubSettings } from './hub/cache.node.ts';
export { hubSettings } from './hub/cache.node.ts';
export type { HubModelId } from './hub/model-id.ts';
export { parseModelId } from './hub/model-id.ts';
export type { PulledModel, PullOptions } from './hub/pull.node.ts';
export { pullModel, resolveModel } from './hub/pull.node.ts';
export * from './index.ts';
export { openTensorFile } from './open.node.ts';
export { diskFolder, fileSink, fileSource, writeWhole } from './source/file.node.ts';
