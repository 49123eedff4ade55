import { FormatError } from '../core/errors.ts';
import { shown } from './names.ts';
import type { ByteSource } from './types.ts';

/** Bytes at the beginning of a file that tell what it is. */
export const HEAD_BYTES = 512;

/** Text at the beginning: what a browser, a server or git left under a model's name. */
const TEXTS: readonly (readonly [pattern: RegExp, line: (match: RegExpExecArray) => string])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\/spec\/v1[\s\S]*?(?:\nsize (\d+)|$)/,
    ([, size]) =>
      `is a Git LFS pointer, not the file${size ? ` of ${size} bytes` : ''} itself; run "git lfs pull" in its repository, or download the file`,
  ],
  [
    /^\s*(?:<!doctype html|<html|<head|<script)/i,
    () =>
      'is a web page (HTML), such as one for signing in, not the file itself; download it again, with a token where it needs one',
  ],
  [/^\s*<(?:\?xml|Error)/, () => 'is an XML answer of a server, not the file itself; download it again'],
];

/** The first bytes of other kinds of files, at an offset. */
const SIGNATURES: readonly (readonly [at: number, bytes: string, line: string])[] = [
  [0, '\x1f\x8b', 'is compressed with gzip; unpack it first'],
  [0, 'BZh', 'is compressed with bzip2; unpack it first'],
  [0, '\xfd7zXZ', 'is compressed with xz; unpack it first'],
  [0, '\x28\xb5\x2f\xfd', 'is compressed with zstd; unpack it first'],
  [0, '7z\xbc\xaf', 'is a 7-Zip archive; unpack it first'],
  [257, 'ustar', 'is a tar archive; unpack it first'],
  [0, 'lmgg', 'is of the GGML format of 2023, which came before GGUF; convert the original again'],
  [0, 'fmgg', 'is of the GGMF format of 2023, which came before GGUF; convert the original again'],
  [0, 'tjgg', 'is of the GGJT format of 2023, which came before GGUF; convert the original again'],
  [0, 'algg', 'is a LoRA adapter of the GGML format, which is no model by itself; give its base model'],
  [0, '\x89HDF', 'is an HDF5 (Keras) file; take the same model as safetensors or GGUF'],
  [4, 'TFL3', 'is a TensorFlow Lite model; take the same model as safetensors or GGUF'],
  [0, '\x93NUMPY', 'is a NumPy array; take the same model as safetensors or GGUF'],
];

const PICKLE =
  'is a PyTorch pickle, which runs code when loaded and is not read; convert it to safetensors, or take a file that is';

/**
 * What a file is that is no model, and what to do, as the rest of a sentence: `is a Git LFS pointer …; run …`.
 * @param head its first bytes, HEAD_BYTES where it has so many
 * @returns undefined when its bytes tell nothing
 */
export function identify(head: Uint8Array, byteLength: number): string | undefined {
  if (byteLength === 0) return 'is empty; download it again';
  if (head.every((byte) => byte === 0)) return 'begins with zeros: it was never written to the end; download it again';
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  for (const [pattern, line] of TEXTS) {
    const match = pattern.exec(text);
    if (match !== null) return line(match);
  }
  const signature = SIGNATURES.find(([at, bytes]) => text.startsWith(bytes, at));
  if (signature !== undefined) return signature[2];
  if (text.startsWith('PK\x03\x04')) {
    if (text.includes('.pkl')) return PICKLE;
    return text.includes('.npy')
      ? 'is a NumPy archive; take the same model as safetensors or GGUF'
      : 'is a ZIP archive; unpack it first';
  }
  if (isPickle(head)) return PICKLE;
  if (isOnnx(head)) return 'looks like an ONNX model; give the checkpoint that was exported';
  if (!head.every(isText)) return undefined;
  const beginning = shown(text.trim().slice(0, 60));
  return /^\s*[{[]/.test(text)
    ? `is JSON text (${beginning}), no weights; give the model’s folder, or download the file again`
    : `is text (${beginning}), no weights; it may be a server's answer: download the file again`;
}

/** Protocols 2 to 5, then the first opcode of a frame, dictionary, list, tuple, class or long number. */
function isPickle([magic, protocol, opcode]: Uint8Array): boolean {
  return magic === 0x80 && protocol >= 2 && protocol <= 5 && [0x95, 0x7d, 0x5d, 0x28, 0x63, 0x8a].includes(opcode);
}

/** Field 1, a small version number, then the field of the producer's name or another that models begin with. */
function isOnnx([field, version, next]: Uint8Array): boolean {
  return field === 0x08 && version >= 1 && version <= 20 && [0x12, 0x1a, 0x3a, 0x42].includes(next);
}

function isText(byte: number): boolean {
  return byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** @throws FormatError when the source is known to be something else than a model file */
export async function refuseOthers(source: ByteSource): Promise<void> {
  const known = identify(await source.read(0, Math.min(HEAD_BYTES, source.byteLength)), source.byteLength);
  if (known !== undefined) throw new FormatError(`${source.name}: ${known}`);
}
