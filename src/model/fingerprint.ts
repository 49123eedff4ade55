import type { Model, ModelTensor } from './types.ts';

/** Rows are hashed by chunks of about this many values, so that no tensor is held whole. */
const chunkValues = 4 * 2 ** 20;

/** Digests of tensors' data by name, where they are known already. */
export type TensorDigests = ReadonlyMap<string, string>;

/**
 * SHA-256 over config and tensors: the digest of the list of names, shapes, formats and digests of the data's chunks. What
 * the model is called is no part of it: copies under other names are the same model.
 */
export async function fingerprintOf(model: Model, known?: TensorDigests): Promise<string> {
  const digests = known ?? (await tensorDigests(model));
  const { name: _, ...config } = model.config;
  const lines = [
    JSON.stringify(config, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value)),
  ];
  for (const { name, shape, format } of model.tensors.values())
    lines.push(`${name} ${shape.join('x')} ${format} ${digests.get(name)}`);
  return sha256(new TextEncoder().encode(lines.join('\n')));
}

/** Reads all the data: seconds for each gigabyte. */
export async function tensorDigests(model: Model): Promise<TensorDigests> {
  const digests = new Map<string, string>();
  for (const tensor of model.tensors.values()) digests.set(tensor.name, await chunkDigests(tensor));
  return digests;
}

async function chunkDigests(tensor: ModelTensor): Promise<string> {
  const [rows, columns = 1] = tensor.shape;
  const step = Math.max(1, Math.floor(chunkValues / columns));
  const digests: string[] = [];
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(rows, row + step);
    const data = await (tensor.loadBlocks ? tensor.loadBlocks(row, end) : tensor.load(row, end));
    digests.push(await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  }
  return digests.join(' ');
}

async function sha256(bytes: Uint8Array): Promise<string> {
  // The digest of a view on shared memory is refused in browsers; such views are copied.
  const plain = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', plain));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
