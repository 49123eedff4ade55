import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { checkOutputs, makeFolders } from '../pipeline/preflight/outputs.node.ts';
import type { ReportData } from '../report/types.ts';
import { addExamples, GROUP } from './support/help.ts';
import { addOutputOptions, addOverwriteOption, type OutputOptions } from './support/options.ts';
import { printResult } from './support/output.ts';

interface ReportOptions extends OutputOptions {
  readonly output?: string;
  readonly markdown?: boolean;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('report')
    .description('make the report of a saved run: one page that opens offline')
    .argument('<run>', 'OUT.bitbudget.json as quantize saves it beside the model')
    .optionsGroup(GROUP.keep)
    .option('-o, --output <file>', 'default: the same name, ending in .report.html or .report.md')
    .option('--markdown', 'Markdown instead of HTML');
  addOverwriteOption(command);
  addExamples(command, [
    ['report model-4.5bpw.bitbudget.json', 'the page, beside it'],
    ['report model-4.5bpw.bitbudget.json --markdown', 'the same for a pull request'],
  ]);
  addOutputOptions(command).action(async (run: string, options: ReportOptions) => {
    const output =
      options.output ?? run.replace(/(\.bitbudget)?\.json$/, '') + (options.markdown ? '.report.md' : '.report.html');
    await checkOutputs([output], options.yes);
    const { checkReportData } = await import('../report/check.ts');
    const data: ReportData = checkReportData(await readJson(run), run);
    const { reportHtml } = await import('../report/html.ts');
    const { reportMarkdown } = await import('../report/markdown.ts');
    const { writeWhole } = await import('../container/node.ts');
    await makeFolders([output]);
    await writeWhole(output, options.markdown ? reportMarkdown(data) : reportHtml(data));
    printResult(options, { output }, () => [output]);
  });
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path}: cannot be read (${error.code}); give the .bitbudget.json of a run`);
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${path}: is not JSON; give the .bitbudget.json of a run`);
  }
}
