import { sha256Hex } from '../../core/hash.ts';
import type { Kernels } from '../contract.ts';
import { availableCores, builds, loadBuild } from './platform.ts';

/** What the speed of kernels depends on. Times measured on one device say nothing of another. */
export interface Device {
  /** The processor's own name; empty in browsers, which do not tell it. */
  readonly cpu: string;
  readonly cores: number;
  /** JavaScript engine with its version. */
  readonly engine: string;
  /** Name of the backend: `wasm-relaxed`. */
  readonly kernels: string;
  /** SHA-256 of the kernels' binary; empty for a backend without one. */
  readonly digest: string;
}

/** The device that these kernels run on. */
export async function describeDevice(kernels: Kernels): Promise<Device> {
  const build = builds.find((name) => kernels.name === `wasm-${name}`);
  const node = globalThis.process?.getBuiltinModule?.('node:os');
  return {
    cpu: node?.cpus()[0]?.model ?? '',
    cores: availableCores(),
    engine: node ? `Node ${process.version}` : (globalThis.navigator?.userAgent ?? ''),
    kernels: kernels.name,
    digest: build === undefined ? '' : await sha256Hex(await binary(build)),
  };
}

async function binary(build: (typeof builds)[number]): Promise<Uint8Array> {
  const bytes = await loadBuild(build);
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
