import { mkdir, statfs } from 'node:fs/promises';
import { homedir, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { releaseAndRemove, tryLock } from './lock.node.ts';

/** Names the folder of kept work, before the system's own. */
export const STORE_VARIABLE = 'BITBUDGET_CACHE';

/** Name of the folder where work lies beside an output. */
const BESIDE = '.bitbudget';

/** Where work is kept, and why not where it would be. */
export interface StorePlace {
  readonly folder: string;
  /** One line for the user where the folder is not the usual one. */
  readonly note?: string;
}

export interface PlaceOptions {
  /** The user's choice, before everything else. */
  readonly workDir?: string;
  /** Work lies beside this file where the user's own folder cannot be used; default the current folder. */
  readonly output?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** false only names the folder: nothing is made, and nothing is tried there. Default true. */
  readonly make?: boolean;
}

/**
 * `--work-dir`, else BITBUDGET_CACHE, else the system's cache folder: XDG_CACHE_HOME/bitbudget, ~/Library/Caches/bitbudget,
 * %LOCALAPPDATA%\bitbudget\Cache, ~/.cache/bitbudget; beside the output where that cannot be written or has no reliable locks.
 * @throws UsageError when the folder that the user named cannot be written
 * @see XDG Base Directory Specification 0.8
 */
export async function storePlace({
  workDir,
  output,
  environment = process.env,
  make = true,
}: PlaceOptions): Promise<StorePlace> {
  const named = workDir ?? environment[STORE_VARIABLE];
  if (named) {
    const reason = make ? await unusable(named) : undefined;
    if (reason === undefined) return { folder: named };
    throw new UsageError(
      `${workDir === undefined ? STORE_VARIABLE : '--work-dir'} ${named}: ${reason}; name a folder that can be written`,
    );
  }
  const folder = userFolder(environment);
  if (!make && folder !== undefined) return { folder };
  const reason =
    folder === undefined ? 'there is no home folder' : ((await unusable(folder)) ?? (await onNetwork(folder)));
  if (folder !== undefined && reason === undefined) return { folder };
  const beside = join(output === undefined ? '.' : dirname(output), BESIDE);
  return { folder: beside, note: `${folder ?? 'kept work'}: ${reason}; work is kept in ${beside}` };
}

/** The folder of this user; undefined where the system names none. */
export function userFolder(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = environment;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'bitbudget');
  if (platform() === 'win32') return LOCALAPPDATA ? join(LOCALAPPDATA, 'bitbudget', 'Cache') : undefined;
  const home = environment.HOME ?? systemHome();
  if (!home || home === '/') return undefined;
  return platform() === 'darwin' ? join(home, 'Library', 'Caches', 'bitbudget') : join(home, '.cache', 'bitbudget');
}

function systemHome(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** Why nothing can be kept in a folder, which is made; undefined when it can. */
async function unusable(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `.try-${process.pid}.lock`);
    const held = tryLock(path, 'exclusive');
    if (held !== undefined) await releaseAndRemove(path, held);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `cannot be written (${code === 'ERR_SQLITE_ERROR' ? 'no file can be made and locked there' : code})`;
  }
}

/** Linux's numbers of file systems that reach over a network, where locks may not be what they say. @see statfs(2) */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  198183888: 'Lustre',
  1196443219: 'GPFS',
  12805120: 'Ceph',
  1397113167: 'AFS',
  16914839: '9P',
};

/** Name of a network file system by the number that statfs gives; undefined for those of this machine. */
export function networkFileSystem(type: number): string | undefined {
  return NETWORK_FILE_SYSTEMS[type >>> 0];
}

async function onNetwork(folder: string): Promise<string | undefined> {
  if (platform() !== 'linux') return undefined;
  const name = networkFileSystem((await statfs(folder)).type);
  return name === undefined ? undefined : `is on a network file system (${name})`;
}
