import { UsageError } from '../../core/errors.ts';
import type { Model } from '../../model/types.ts';
import type { OutputOptions } from './options.ts';
import { withProgress } from './work.ts';

/** Text of the `<model>` argument for every verb's help. */
export const MODEL_ARGUMENT = 'Hugging Face folder, .gguf file, or hf:user/repo[:quant]';

/** Local path of a `<model>` argument; a model of the hub is fetched first. */
export async function modelPath(name: string, options: OutputOptions): Promise<string> {
  const { resolveModel } = await import('../../container/hub/pull.node.ts');
  return withProgress(options, (work) => resolveModel(name, work));
}

/** @throws UsageError for a context that the model was not made for */
export function checkContext({ config }: Model, context: number | undefined): void {
  if (context !== undefined && context > config.contextLength)
    throw new UsageError(
      `context ${context}: the model is made for at most ${config.contextLength} tokens; give --context ${config.contextLength} or less`,
    );
}

/** Opens a `<model>` argument. The caller closes it. */
export async function openModelArgument(name: string, options: OutputOptions): Promise<Model> {
  return (await locateModel(name, options)).model;
}

/** The same, with where it lies. */
export async function locateModel(name: string, options: OutputOptions): Promise<{ model: Model; path: string }> {
  const path = await modelPath(name, options);
  const { openModel } = await import('../../model/open.node.ts');
  return { model: await openModel(path), path };
}
