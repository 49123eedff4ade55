export * from './index.ts';
export { openTensorFile } from './open.node.ts';
export { diskFolder, fileSink, fileSource } from './source/file.node.ts';
