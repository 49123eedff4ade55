/**
 * Completes package-lock.json after `npm install`, where the registry in use does not hold a tool's binaries for other
 * platforms: npm then leaves those optional packages out of the lock, and `npm ci` refuses the lock as incomplete.
 * Their entries are made from the names, which state the platform; npm skips them on every other one without asking the
 * registry. They carry no checksum.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockEntry {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  optional?: boolean;
  os?: string[];
  optionalDependencies?: Record<string, string>;
}

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockEntry> };
const systems: Readonly<Record<string, string>> = { mac: 'darwin', win: 'win32' };

function platformEntry(name: string, version: string, dev: boolean | undefined): LockEntry {
  const [, system, cpu, rest] = /([a-z0-9]+)-([a-z0-9]+)(-.*)?$/.exec(name.split('/')[1].replace(/^cli-/, '')) ?? [];
  if (cpu === undefined) throw new Error(`${name}: names no platform; look at it by hand`);
  const os = systems[system] ?? system;
  const libc = rest === '-musl' ? { libc: ['musl'] } : os === 'linux' ? { libc: ['glibc'] } : {};
  return { version, cpu: [cpu], ...(dev ? { dev } : {}), ...libc, optional: true, os: [os] };
}

for (const [owner, { optionalDependencies, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    if (`node_modules/${name}` in lock.packages || `${owner}/node_modules/${name}` in lock.packages) continue;
    lock.packages[`node_modules/${name}`] = platformEntry(name, version, dev);
    console.log(`added ${name}`);
  }
}
const [top, ...others] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([top, ...others.sort(([a], [b]) => a.localeCompare(b, 'en'))]);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
