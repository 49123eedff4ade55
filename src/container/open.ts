import { FormatError } from '../core/errors.ts';
import type { GgufFile } from './gguf/read.ts';
import { openGguf } from './gguf/shards.ts';
import { refuseOthers } from './identify.ts';
import type { SafetensorsFile } from './safetensors/read.ts';
import { readSafetensors } from './safetensors/read.ts';
import type { SourceFolder } from './source/range.ts';
import type { ByteSource } from './types.ts';

/**
 * Opens a model file of either container, told by its first bytes. The result owns `source`; when opening fails, the
 * source is closed.
 * @param folder opens the other shards of a split GGUF
 */
export async function openTensorSource(source: ByteSource, folder?: SourceFolder): Promise<GgufFile | SafetensorsFile> {
  try {
    const head = await source.read(0, Math.min(9, source.byteLength));
    if (String.fromCharCode(...head.subarray(0, 4)) === 'GGUF') return await openGguf(source, folder);
    if (head[8] === 0x7b) return await readSafetensors(source);
    await refuseOthers(source);
    throw new FormatError(
      `${source.name}: is neither GGUF nor safetensors (its first bytes are ${hexBytes(head.subarray(0, 4))})`,
    );
  } catch (error) {
    await source.close();
    throw error;
  }
}

function hexBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
