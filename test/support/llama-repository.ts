import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/* llama.cpp's repository, which node-llama-cpp carries as a git bundle: vocabularies and their expected ids. */

const bundle = fileURLToPath(new URL('../../node_modules/node-llama-cpp/llama/gitRelease.bundle', import.meta.url));

/** Options for `test()` that skip it with its reason where the bundle or git is absent. */
export function needsLlamaRepository(): { skip: string | false } {
  if (!existsSync(bundle)) return { skip: 'node-llama-cpp carries no gitRelease.bundle here' };
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' });
    return { skip: false };
  } catch {
    return { skip: 'git is not here' };
  }
}

/** Files of the repository, written into a new folder; `remove` deletes it. */
export function llamaFiles(...paths: string[]): {
  readonly file: (path: string) => string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'bitbudget-llama-'));
  const repository = join(folder, 'git');
  execFileSync('git', ['clone', '--quiet', '--bare', bundle, repository], { stdio: 'ignore' });
  const place = (path: string): string => join(folder, path.replaceAll('/', '-'));
  for (const path of paths) {
    const content = execFileSync('git', ['--git-dir', repository, 'show', `HEAD:${path}`], { maxBuffer: 2 ** 28 });
    writeFileSync(place(path), content);
  }
  rmSync(repository, { recursive: true });
  return { file: place, remove: () => rmSync(folder, { recursive: true }) };
}
