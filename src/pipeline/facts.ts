import { baseName } from '../container/source/range.ts';
import { sha256Hex } from '../core/hash.ts';
import type { Model } from '../model/types.ts';
import type { Host, TextFile } from './host/types.ts';
import type { FileFacts } from './plan/notes.ts';

/**
 * What a file is to tell of where it comes from.
 * @param calibration texts measured on, default the package's own
 */
export async function fileFacts(
  host: Host,
  model: Model,
  calibration: readonly TextFile[] = [host.ownTexts.calibration],
): Promise<FileFacts> {
  return {
    baseModel: model.repository ?? model.config.name,
    license: model.license,
    calibration: await digestOf(host, calibration),
  };
}

/** Of the files as they are, one after the other. Those that cannot be read are told of by who reads their text. */
async function digestOf(host: Host, files: readonly TextFile[]): Promise<FileFacts['calibration']> {
  const parts = await Promise.all(files.map((file) => bytesOf(host, file))).catch(() => undefined);
  if (parts === undefined) return undefined;
  const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
  return { name: files.map(nameOf).join(', '), sha256: await sha256Hex(whole) };
}

function nameOf(file: TextFile): string {
  return typeof file === 'string' ? baseName(file) : ((file as File).name ?? 'text');
}

async function bytesOf(host: Host, file: TextFile): Promise<BlobPart> {
  if (typeof file !== 'string') return file;
  const source = await host.source(file);
  try {
    return (await source.read(0, source.byteLength)) as Uint8Array<ArrayBuffer>;
  } finally {
    await source.close();
  }
}
