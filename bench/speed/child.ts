/** A contender in a process of its own: `child.ts ours|native <model.gguf> <threads>`, workloads by messages. */
import { openModel } from '../../src/model/open.node.ts';
import { loadRuntime } from './session.ts';
import { CONTEXT, type Speed, type Workload } from './types.ts';

/** llama.cpp through node-llama-cpp, without a GPU. */
async function loadNative(path: string, threads: number): Promise<(workload: Workload) => Promise<Speed>> {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: CONTEXT, batchSize: CONTEXT, threads });
  const sequence = context.getSequence();
  type Input = Parameters<typeof sequence.controlledEvaluate>[0];
  const last = (token: number) => [token, { generateNext: { token: true, options: { temperature: 0 } } }];
  return async ({ prompt, generated }) => {
    await sequence.clearHistory();
    const begin = performance.now();
    await sequence.controlledEvaluate([...prompt.slice(0, -1), last(prompt[prompt.length - 1])] as unknown as Input);
    const middle = performance.now();
    for (const token of generated) await sequence.controlledEvaluate([last(token)] as unknown as Input);
    return { prefill: (middle - begin) / 1000, decode: (performance.now() - middle) / 1000 };
  };
}

const [kind, path, threads] = process.argv.slice(2);
const measure =
  kind === 'native'
    ? await loadNative(path, Number(threads))
    : (await loadRuntime(await openModel(path), Number(threads))).measure;
process.on('message', (workload: Workload) => {
  measure(workload).then(
    (speed) => process.send?.(speed),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
