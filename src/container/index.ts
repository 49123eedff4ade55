export type { GgufFile } from './gguf/read.ts';
export { readGguf } from './gguf/read.ts';
export { openGguf, shardSuffix } from './gguf/shards.ts';
export type { GgmlType } from './gguf/types.ts';
export { ggmlBytes, ggmlTypeById, ggmlTypeByName, ggmlTypes } from './gguf/types.ts';
export type { GgufLayout, GgufTensorPlan, GgufWriteOptions } from './gguf/write.ts';
export { GgufWriter, ggufSize, ggufTensorBytes } from './gguf/write.ts';
export type { Imatrix, ImatrixEntry } from './imatrix.ts';
export { meanSquares, readImatrix, writeImatrix } from './imatrix.ts';
export type { KlBaseChunk, KlBaseFile, KlBaseHeader } from './kl-base.ts';
export { KlBaseWriter, readKlBase } from './kl-base.ts';
export { openTensorSource } from './open.ts';
export { openSafetensorsFolder, openShards } from './safetensors/folder.ts';
export type { SafetensorsFile } from './safetensors/read.ts';
export { readSafetensors } from './safetensors/read.ts';
export type { SafetensorsPlan } from './safetensors/write.ts';
export { SafetensorsWriter, safetensorsSize } from './safetensors/write.ts';
export { blobFolder, blobSource } from './source/blob.ts';
export type { HttpOptions } from './source/http.ts';
export { httpFolder, httpSource } from './source/http.ts';
export { MemorySink, memorySource } from './source/memory.ts';
export type { SourceFolder } from './source/range.ts';
export type {
  ByteSink,
  ByteSource,
  MetadataArray,
  MetadataValue,
  TensorEntry,
  TensorFile,
  TypedMetadata,
} from './types.ts';
