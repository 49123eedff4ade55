import { onArrays } from '../arrays/device.ts';
import type { Kernels } from '../contract.ts';
import { attentionKernels } from './attention.ts';
import { castKernels } from './cast.ts';
import { decodeKernels } from './decode.ts';
import { elementKernels } from './elements.ts';
import { entropyKernels } from './entropy.ts';
import { expertKernels } from './experts.ts';
import { feedbackKernels } from './feedback.ts';
import { imageKernels } from './images.ts';
import { logitKernels } from './logits.ts';
import { matmulKernels } from './matmul.ts';
import { memoryKernels } from './memory.ts';
import { networkKernels } from './network.ts';
import { packedKernels } from './packed.ts';
import { builds, type KernelBuild, loadBuild } from './platform.ts';
import { searchKernels } from './search.ts';
import { sequenceKernels } from './sequences.ts';
import { sumKernels } from './sums.ts';
import { createTeam, type TeamOptions } from './team.ts';

export interface WasmKernelOptions extends TeamOptions {
  /** Default: the fastest that this machine validates. */
  build?: KernelBuild;
}

/**
 * Kernels in WebAssembly over one shared memory with a team of threads. Resident threads sleep between calls and do
 * not keep the process alive.
 * @throws RangeError when no memory can be reserved
 */
export async function createWasmKernels(options: WasmKernelOptions = {}): Promise<Kernels> {
  const { build, module } = await compile(options.build ? [options.build] : builds);
  const team = await createTeam(module, build, options);
  return onArrays({
    name: `wasm-${build}`,
    threads: team.threads,
    ...memoryKernels(team),
    ...matmulKernels(team),
    ...packedKernels(team),
    ...decodeKernels(team),
    ...networkKernels(team),
    ...elementKernels(team),
    ...expertKernels(team),
    ...imageKernels(team),
    ...sequenceKernels(team),
    ...sumKernels(team),
    ...attentionKernels(team),
    ...logitKernels(team),
    ...feedbackKernels(team),
    ...searchKernels(team),
    ...castKernels(team),
    entropy: entropyKernels(team),
  });
}

async function compile(
  candidates: readonly KernelBuild[],
): Promise<{ build: KernelBuild; module: WebAssembly.Module }> {
  for (const build of candidates) {
    const bytes = await loadBuild(build);
    if (WebAssembly.validate(bytes)) return { build, module: await WebAssembly.compile(bytes) };
  }
  throw new Error(`kernels cannot run: this machine validates none of the builds ${candidates.join(', ')}`);
}
