import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A holder says this often, in ms, that it is alive. */
const HEARTBEAT = 2000;
/** Without a sign for this long, in ms, a lock of another machine counts as left behind. */
const STALE = 30_000;
const POLL = 200;

/**
 * Does work that one process at a time may do, whatever machine it runs on. The lock is a file that its holder touches;
 * what a killed process left is taken over: at once on its own machine, elsewhere when it was silent for 30 s.
 * @param path of the lock file
 * @param signal stops waiting
 */
export async function withLock<T>(path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  while (!(await acquire(path))) {
    await removeAbandoned(path);
    await delay(POLL, undefined, { signal });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(`${process.pid} ${hostname()}`);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeAbandoned(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  const [pid, host] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  const silent = Date.now() - found.mtimeMs > STALE;
  if (!silent && !(host === hostname() && !isAlive(Number(pid)))) return;
  // Of several that wait, the one whose renaming succeeds removes it; a lock taken meanwhile stays.
  const aside = `${path}.${process.pid}.abandoned`;
  const again = await stat(path).catch(() => undefined);
  if (again?.ino !== found.ino || again.mtimeMs !== found.mtimeMs) return;
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
