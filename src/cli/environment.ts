import { availableParallelism, freemem, release, totalmem } from 'node:os';
import { hubSettings } from '../container/hub/settings.node.ts';
import { packageVersion } from '../core/version.ts';
import { type Device, describeDevice } from '../kernels/wasm/device.ts';
import { createWasmKernels } from '../kernels/wasm/index.ts';
import { storePlace } from '../store/place.node.ts';
import { formatSize } from './support/size.ts';

/** Everything about this machine and its settings that results or failures may depend on; no token, no model. */
export interface Environment {
  readonly bitbudget: string;
  readonly node: string;
  readonly system: string;
  readonly device: Device;
  readonly threads: number;
  readonly memory: { readonly total: number; readonly free: number; readonly limit?: number };
  readonly hub: {
    readonly endpoint: string;
    readonly cacheFolder: string;
    readonly offline: boolean;
    readonly hasToken: boolean;
  };
  /** Where work is kept. */
  readonly store: string;
  /** Variables that are set, of those that change what the program does; values of proxies are not shown. */
  readonly variables: Readonly<Record<string, string>>;
}

const VARIABLES = ['BITBUDGET_HOME', 'BITBUDGET_CACHE', 'BITBUDGET_DEBUG', 'XDG_CACHE_HOME', 'NODE_OPTIONS', 'CI'];
/** May hold a password. */
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

export async function environment(variables: NodeJS.ProcessEnv = process.env): Promise<Environment> {
  const kernels = await createWasmKernels({ threads: 1 });
  const device = await describeDevice(kernels);
  kernels.close();
  const { endpoint, cacheFolder, offline, token } = await hubSettings(variables);
  const limit = process.constrainedMemory();
  const isSet = (name: string): boolean => (variables[name] ?? variables[name.toLowerCase()]) !== undefined;
  return {
    bitbudget: packageVersion,
    node: process.versions.node,
    system: `${process.platform} ${process.arch} ${release()}`,
    device,
    threads: availableParallelism(),
    memory: {
      total: totalmem(),
      free: freemem(),
      // 0 and amounts beyond the machine's mean that there is none.
      ...(limit > 0 && limit < totalmem() && { limit }),
    },
    hub: { endpoint, cacheFolder, offline, hasToken: token !== undefined },
    store: (await storePlace({ environment: variables, make: false })).folder,
    variables: Object.fromEntries([
      ...VARIABLES.filter((name) => variables[name] !== undefined).map((name) => [name, variables[name]!]),
      ...PROXIES.filter(isSet).map((name) => [name, 'set']),
    ]),
  };
}

export function environmentLines(found: Environment): string[] {
  const { device, memory, hub } = found;
  const limit = memory.limit === undefined ? '' : `, limited to ${formatSize(memory.limit)}`;
  const variables = Object.entries(found.variables).map(([name, value]) => `${name}=${value}`);
  return [
    `bitbudget  ${found.bitbudget}`,
    `node       ${found.node}, ${found.system}`,
    `processor  ${device.cpu || 'unknown'}, ${device.cores} cores, ${found.threads} threads used`,
    `kernels    ${device.kernels}`,
    `memory     ${formatSize(memory.total)}, ${formatSize(memory.free)} free${limit}`,
    `hub        ${hub.endpoint}${hub.offline ? ', offline' : ''}, ${hub.hasToken ? 'with a token' : 'no token'}`,
    `hub cache  ${hub.cacheFolder}`,
    `kept work  ${found.store}`,
    `set        ${variables.join(' ') || 'no variable that changes anything'}`,
  ];
}
