import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const run = promisify(execFile);

/** A file of a tarball, as `npm pack --json` lists it. */
interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** One packed package. */
export interface Packed {
  readonly name: string;
  readonly filename: string;
  /** Bytes of the tarball, and of all its files. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly PackedFile[];
}

interface LockEntry {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly version?: string;
}

/** Both packages, installed in an empty folder as a user would, from npm's cache alone. */
export interface Installed {
  readonly folder: string;
  readonly packed: readonly Packed[];
  /** Runs a program in the folder. @returns what it prints */
  run(program: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  remove(): void;
}

/** @throws when packing or installing fails; the error's `stderr` holds npm's own words */
export async function install(): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), 'bitbudget-install-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const packed = await pack(folder);
    const tarballs = Object.fromEntries(packed.map(({ name, filename }) => [name, `file:${filename}`]));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: tarballs }));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lockOf(packed, tarballs)));
    await run('npm', ['ci', '--offline', '--no-audit', '--no-fund'], { cwd: folder });
    // This Node first: others may stand before it on the PATH.
    const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const env = { ...process.env, HOME: folder, PATH: path };
    const program = (name: string, ...args: readonly string[]) =>
      run(name, args, { cwd: folder, maxBuffer: 2 ** 26, env });
    return { folder, packed, run: program, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function pack(destination: string): Promise<Packed[]> {
  const args = ['pack', '--json', '--pack-destination', destination, '--workspace', 'bitbudget-tiny'];
  const { stdout } = await run('npm', [...args, '--include-workspace-root'], { cwd: root, maxBuffer: 2 ** 26 });
  // Scripts print before npm does.
  const parsed = JSON.parse(stdout.slice(stdout.search(/^[[{]$/m))) as Packed[] | Record<string, Packed>;
  return Object.values(parsed);
}

/** Our lock file's packages that users get, beside the tarballs. */
function lockOf(packed: readonly Packed[], tarballs: Readonly<Record<string, string>>) {
  const ours = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  const kept = Object.entries(ours.packages).filter(
    ([path, { dev, link }]) => path.startsWith('node_modules/') && !dev && !link,
  );
  const own = packed.map(({ name, filename }) => {
    const facts = name === 'bitbudget' ? { dependencies: manifest['dependencies'], bin: manifest['bin'] } : {};
    return [`node_modules/${name}`, { version: '0.1.0', resolved: `file:${filename}`, ...facts }];
  });
  const packages = { '': { dependencies: tarballs }, ...Object.fromEntries([...kept, ...own]) };
  return { lockfileVersion: 3, requires: true, packages };
}

/** Writes a file below a folder. */
export function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
