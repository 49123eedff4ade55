import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { addExamples } from './support/help.ts';
import { addOutputOptions, type OutputOptions } from './support/options.ts';
import { printResult } from './support/output.ts';
import { withProgress } from './support/work.ts';

export function register(program: Command): void {
  const command = program
    .command('pull')
    .description('fetch a model of the Hugging Face hub into the shared cache, and print its path')
    .argument('<model>', 'hf:user/repo, hf:user/repo:QUANT, hf:user/repo/file.gguf#branch or a URL of the hub');
  addExamples(command, [
    ['pull hf:user/repo', 'the original weights'],
    ['pull hf:user/repo:Q4_K_M', 'one quantized file of them'],
  ]);
  addOutputOptions(command).action(async (name: string, options: OutputOptions) => {
    const { parseModelId } = await import('../container/hub/model-id.ts');
    const { pullModel } = await import('../container/hub/pull.node.ts');
    const id = parseModelId(name);
    if (id === undefined) throw new UsageError(`${name}: is no model of the hub; write hf:user/repo`);
    const pulled = await withProgress(options, (work) => pullModel(id, work));
    printResult(options, pulled, () => [pulled.path]);
  });
}
