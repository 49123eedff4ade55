// The main job in a browser's worker: the page starts it, and shows what it tells.
import { locateAssets, quantize, run, writtenFile } from 'bitbudget/browser';

const stop = new AbortController();
self.addEventListener('message', ({ data }) => {
  if (data === 'stop') stop.abort();
  else job(data).catch(({ message }) => postMessage({ error: message }));
});

async function job({ assets, model, request }) {
  locateAssets(assets); // Copied there: see the README above.
  const onProgress = ({ stage, done, total }) => postMessage({ stage, done, total });
  const options = { ...request, output: 'small.gguf', signal: stop.signal, onProgress };
  const { fileBytes, evaluation } = await quantize(model, options);
  const file = await writtenFile('small.gguf');
  postMessage({ fileBytes, kl: evaluation.kl.mean, file });
  for await (const text of run(file, 'Once upon a time', { maxTokens: 20 })) postMessage({ text });
}
