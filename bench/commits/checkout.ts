import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UsageError } from '../../src/core/errors.ts';
import type { Checkout } from './types.ts';

const run = promisify(execFile);
const here = fileURLToPath(new URL('../..', import.meta.url));

async function git(...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: here, maxBuffer: 2 ** 26 });
  return stdout.trim();
}

/**
 * Lays a commit below a folder and makes it ready: packages linked from this checkout, or installed where the lock is
 * another, and kernels built from its own sources. What is there from an earlier run is used again.
 * @param revision anything that git takes for a commit; default this checkout as it stands, changes that are not committed included
 */
export async function checkOut(revision: string | undefined, folder: string): Promise<Checkout> {
  const checkout = revision === undefined ? await copyWorkingTree(folder) : await addWorktree(revision, folder);
  await addPackages(checkout.root);
  await run(process.execPath, ['scripts/fresh-kernels.ts'], { cwd: checkout.root });
  return checkout;
}

/** Takes away a folder of checkouts, whole ones or not; git forgets the commits' worktrees. */
export async function removeCheckouts(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await git('worktree', 'prune');
}

async function addWorktree(revision: string, folder: string): Promise<Checkout> {
  const hash = await git('rev-parse', '--verify', '--quiet', `${revision}^{commit}`).catch(() => {
    throw new UsageError(`${revision}: is no commit of this repository; give a hash, a branch or a tag`);
  });
  const name = hash.slice(0, 10);
  const root = join(folder, name);
  if (!existsSync(root)) await git('worktree', 'add', '--detach', '--force', root, hash);
  return { name, root };
}

async function copyWorkingTree(folder: string): Promise<Checkout> {
  const root = join(folder, 'working-tree');
  await mkdir(root, { recursive: true });
  for (const entry of await readdir(root))
    if (entry !== 'build' && entry !== 'node_modules') await rm(join(root, entry), { recursive: true });
  const files = (await git('ls-files', '-z', '--cached', '--others', '--exclude-standard')).split('\0');
  // Times of change are kept: kernels are built anew only where their sources are newer.
  for (const file of files.filter((name) => name !== '' && existsSync(join(here, name))))
    await cp(join(here, file), join(root, file), { preserveTimestamps: true });
  return { name: 'working tree', root };
}

async function addPackages(root: string): Promise<void> {
  const packages = join(root, 'node_modules');
  if (existsSync(packages)) return;
  const [lock, own] = await Promise.all([root, here].map((each) => readFile(join(each, 'package-lock.json'), 'utf8')));
  if (lock === own) await symlink(join(here, 'node_modules'), packages);
  else await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, maxBuffer: 2 ** 26 });
  if (!existsSync(packages)) throw new Error(`${dirname(packages)}: npm ci installed nothing`);
}
