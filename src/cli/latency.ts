import type { Command } from 'commander';
import type { Model } from '../model/types.ts';
import type { LatencyTable } from '../pipeline/latency/types.ts';
import { formatLatency } from './support/budgets.ts';
import { knownTypes } from './support/formats.ts';
import { addExamples } from './support/help.ts';
import { addWorkDirOption, type KeptOptions, openKept } from './support/kept.ts';
import { checkContext, MODEL_ARGUMENT, requireDecoder } from './support/model.ts';
import { addOutputOptions, addThreadsOption, type OutputOptions, wholeNumber } from './support/options.ts';
import { printResult, table } from './support/output.ts';
import { withProgress } from './support/work.ts';

interface LatencyCommandOptions extends OutputOptions, KeptOptions {
  readonly palette?: readonly string[];
  readonly threads: number;
  readonly context?: number;
}

export function register(program: Command): void {
  const command = program
    .command('latency')
    .description('measure how long this device decodes a token in every format; plan and quantize reuse the result')
    .argument('<model>', MODEL_ARGUMENT)
    .option('--palette <formats...>', 'formats to measure, default all that GGUF holds')
    .option('-c, --context <tokens>', 'tokens in the KV cache, default at most 256', wholeNumber(1, 2 ** 24));
  addWorkDirOption(command);
  addThreadsOption(command);
  addExamples(command, [['latency model/ --threads 1', 'times that quantize --max-latency plans by']]);
  addOutputOptions(command).action(latency);
}

async function latency(modelName: string, options: LatencyCommandOptions): Promise<void> {
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { refuseUnusablePalette } = await import('../quantize/sensitivity.ts');
  const { Session } = await import('../pipeline/session.ts');
  const palette = options.palette && (await knownTypes(options.palette, '--palette'));
  const { model, folder } = await openKept(modelName, options);
  checkContext(model, options.context);
  requireDecoder(modelName, model);
  const measured = await withProgress(options, async (work) => {
    const session = await Session.open(nodeHost, model, { ...work, folder, threads: options.threads }, (magnitudes) =>
      refuseUnusablePalette(model, magnitudes, palette),
    );
    try {
      return await session.latency(palette, options.context);
    } finally {
      await session.close();
    }
  });
  const lines = await describe(model, measured);
  printResult(options, measured, () => lines);
}

async function describe(model: Model, measured: LatencyTable): Promise<string[]> {
  const { fixedTime, predictLatency, productTime } = await import('../pipeline/latency/predict.ts');
  const { productBytes, productsOf } = await import('../pipeline/latency/products.ts');
  const { device, threads, context } = measured.key;
  const kernels = Object.keys(measured.rounds);
  const shapes = [...new Set(productsOf(model, () => '').map(({ shape }) => shape))];
  const takes = (kernel: string, shape: string) => measured.rounds[kernel][0].products[shape] !== undefined;
  const rows = kernels.map((kernel) => {
    const products = productsOf(model, () => kernel);
    const fitting = products.filter(({ shape }) => takes(kernel, shape));
    const whole = fitting.length === products.length ? predictLatency(measured, products) : undefined;
    const milliseconds = fitting.reduce((sum, product) => sum + productTime(measured, product), 0);
    return [
      kernel,
      whole === undefined ? '–' : formatLatency(whole.milliseconds, whole.spread),
      kernel === 'float32' ? '–' : (productBytes(fitting) / milliseconds / 1e6).toFixed(1),
      ...shapes.map((shape) =>
        takes(kernel, shape) ? (1000 * productTime(measured, { shape, format: kernel })).toFixed(1) : '–',
      ),
    ];
  });
  return [
    `${device.cpu || device.engine}, ${device.cores} cores, ${device.engine}, ${device.kernels}; ${threads} thread${threads > 1 ? 's' : ''}, context ${context}`,
    `${fixedTime(measured).toFixed(3)} ms of a decoded token are no products with weights: attention, norms, sampling`,
    ...table(['kernel', 'all matrices so', 'GB/s', ...shapes.map((shape) => `${shape} µs`)], rows),
  ];
}
