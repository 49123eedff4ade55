import { dirname } from 'node:path';
import type { GgufFile } from './gguf/read.ts';
import { openTensorSource } from './open.ts';
import type { SafetensorsFile } from './safetensors/read.ts';
import { diskFolder, fileSource } from './source/file.node.ts';
import type { ByteSource } from './types.ts';

/**
 * Opens a .gguf or .safetensors file, told by its first bytes; the further shards of a split GGUF are found beside it.
 * A Hugging Face folder is opened by `openSafetensorsFolder(diskFolder(path))`.
 * @param file path on disk, or any source
 * @throws FormatError when the file is damaged; BitbudgetError when it cannot be opened
 */
export async function openTensorFile(file: string | ByteSource): Promise<GgufFile | SafetensorsFile> {
  if (typeof file !== 'string') return openTensorSource(file);
  return openTensorSource(await fileSource(file), diskFolder(dirname(file)));
}
