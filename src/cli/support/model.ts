import { join } from 'node:path';
import type { ModelPurpose } from '../../container/variants.ts';
import { UsageError } from '../../core/errors.ts';
import type { Model } from '../../model/types.ts';
import type { OutputOptions } from './options.ts';
import { withProgress } from './work.ts';

/** Text of the `<model>` argument for every verb's help. */
export const MODEL_ARGUMENT = 'Hugging Face folder, .gguf file, or hf:user/repo[:quant]';

/** Local path of a `<model>` argument; a model of the hub is fetched first. */
export async function modelPath(name: string, options: OutputOptions, purpose: ModelPurpose): Promise<string> {
  const { resolveModel } = await import('../../container/hub/pull.node.ts');
  return withProgress(options, (work) => resolveModel(name, { ...work, purpose }));
}

/** @throws UsageError for a context that the model was not made for */
export function checkContext({ config }: Model, context: number | undefined): void {
  if (context !== undefined && context > config.contextLength)
    throw new UsageError(
      `context ${context}: the model is made for at most ${config.contextLength} tokens; give --context ${config.contextLength} or less`,
    );
}

/**
 * @param name as the user gave it
 * @throws UsageError for an encoder, which has no next tokens
 */
export function requireDecoder(name: string, { config }: Model): void {
  if (config.embedding !== undefined)
    throw new UsageError(`${name}: is an encoder, which gives vectors and no next tokens; use bitbudget embed`);
}

/**
 * Opens a `<model>` argument, and says on stderr what a user should know of it. The caller closes it.
 * @param purpose which of several files of a repository or folder is meant; default the most exact, as an original
 */
export async function openModelArgument(
  name: string,
  options: OutputOptions,
  purpose: ModelPurpose = 'original',
): Promise<Model> {
  return (await openWithPath(name, options, purpose)).model;
}

/** The same, with the file or folder that it is read from. */
export async function openWithPath(
  name: string,
  options: OutputOptions,
  purpose: ModelPurpose = 'original',
): Promise<{ readonly model: Model; readonly path: string }> {
  const path = await modelPath(name, options, purpose);
  const { openModel } = await import('../../model/open.node.ts');
  const model = await openModel(path, purpose);
  const { quantizedRemark } = await import('../../model/source.ts');
  const quantized = purpose === 'original' ? quantizedRemark(model) : undefined;
  for (const remark of [...(model.remarks ?? []), quantized])
    if (remark !== undefined) console.error(`bitbudget: ${name}: ${remark}`);
  return { model, path: await sourcePath(path, purpose) };
}

/** Of a folder with several models, the one that is meant. */
async function sourcePath(path: string, purpose: ModelPurpose): Promise<string> {
  const { locateModel } = await import('../../model/locate.node.ts');
  const located = await locateModel(path, purpose);
  return located.kind === 'gguf' || located.weights === undefined ? located.path : join(located.path, located.weights);
}
