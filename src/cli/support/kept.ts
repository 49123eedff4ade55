import { type Command, Option } from 'commander';
import type { Model } from '../../model/types.ts';
import { GROUP } from './help.ts';
import { openWithPath } from './model.ts';
import type { OutputOptions } from './options.ts';

/** Where work is kept. */
export interface KeptOptions {
  readonly workDir?: string;
}

export function addWorkDirOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--work-dir <folder>',
      'where measurements and unfinished work are kept; default the user’s cache folder (bitbudget cache)',
    ).helpGroup(GROUP.keep),
  );
}

/**
 * Opens a `<model>` argument for work that is kept. The caller closes it.
 * @param output beside which work lies where the user's folder cannot be used: one line says so
 */
export async function openKept(
  name: string,
  options: KeptOptions & OutputOptions & { readonly dryRun?: boolean },
  output?: string,
): Promise<{ readonly model: Model; readonly path: string; readonly folder: string }> {
  const folder = await workFolder(options, output);
  const { model, path } = await openWithPath(name, options);
  const { rememberDigests } = await import('../../pipeline/identify.node.ts');
  const { WorkStore } = await import('../../store/store.node.ts');
  return { model: rememberDigests(model, path, new WorkStore(folder), !options.dryRun), path, folder };
}

/** The folder of kept work. */
export async function workFolder(
  { workDir, dryRun }: KeptOptions & { readonly dryRun?: boolean },
  output?: string,
): Promise<string> {
  const { storePlace } = await import('../../store/place.node.ts');
  const { folder, note } = await storePlace({ workDir, output, make: !dryRun });
  if (note !== undefined) console.error(`bitbudget: ${note}`);
  return folder;
}
