/** Raw logits from llama.cpp through node-llama-cpp, or the reason why there are none on this machine. */
export interface Peer {
  /**
   * Logits after every token, [tokens, vocabulary].
   * @param cache how keys and values are kept, default F32
   */
  logits(path: string, tokens: readonly number[], cache?: PeerCache): Promise<Float32Array>;
  /** Vectors of an encoder, one a text; begin and end tokens are put around ids that have none. */
  vectors(path: string, texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** Types that llama.cpp keeps its cache in. */
export interface PeerCache {
  readonly k: 'F32' | 'Q8_0' | 'Q4_0';
  readonly v: 'F32' | 'Q8_0' | 'Q4_0';
}

export async function openPeer(): Promise<Peer | string> {
  try {
    const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
    const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: LlamaLogLevel.error });
    return {
      logits: async (path, tokens, cache = { k: 'F32', v: 'F32' }) => {
        const model = await llama.loadModel({ modelPath: path });
        const context = await model.createContext({
          contextSize: Math.max(64, tokens.length + 16),
          batchSize: Math.max(64, tokens.length + 16),
          threads: 1,
          // Quantized values need it.
          flashAttention: cache.v !== 'F32',
          experimentalKvCacheKeyType: cache.k,
          experimentalKvCacheValueType: cache.v,
        });
        const generateNext = { logits: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
        type Input = Parameters<ReturnType<typeof context.getSequence>['controlledEvaluate']>[0];
        const input = tokens.map((token) => [token, { generateNext }]) as unknown as Input;
        const outputs = await context.getSequence().controlledEvaluate(input);
        const vocabulary = outputs[0]?.next.logits?.size ?? 0;
        const logits = new Float32Array(tokens.length * vocabulary).fill(Number.NaN);
        for (const [i, output] of outputs.entries()) {
          for (const [token, value] of output?.next.logits ?? []) logits[i * vocabulary + token] = value;
        }
        await model.dispose();
        return logits;
      },
      vectors: async (path, texts) => {
        const model = await llama.loadModel({ modelPath: path });
        const size = Math.max(64, ...texts.map(({ length }) => length + 16));
        const context = await model.createEmbeddingContext({ contextSize: size, batchSize: size, threads: 1 });
        const found: Float32Array[] = [];
        for (const text of texts) {
          const input = text as Parameters<typeof context.getEmbeddingFor>[0];
          found.push(Float32Array.from((await context.getEmbeddingFor(input)).vector));
        }
        await model.dispose();
        return found;
      },
      close: () => llama.dispose(),
    };
  } catch (error) {
    return `node-llama-cpp cannot run here: ${(error as Error).message.split('\n')[0]}`;
  }
}
