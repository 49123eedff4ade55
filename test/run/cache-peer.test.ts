import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { withCacheFormats } from '../../src/model/cache-formats.ts';
import { openModel } from '../../src/model/open.node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { openPeer, type PeerCache } from '../support/peer.ts';
import { tinyPath } from '../support/synthetic.ts';

const tokens = Array.from({ length: 40 }, (_, i) => (i * 613 + 5) % 4096);

test('a packed cache changes logits at most 1.2 times as much as llama.cpp’s of the same types, and not by less than half', async (t) => {
  const peer = await openPeer();
  if (typeof peer === 'string') return t.skip(peer);
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-peer-'));
  t.after(() => rm(folder, { recursive: true }));
  t.after(() => peer.close());
  const path = join(folder, 'tiny.gguf');
  const model = await openModel(tinyPath);
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
  const kernels = await testKernels();
  const ours = async ({ k, v }: PeerCache): Promise<Float32Array> => {
    const session = await createSession(kernels.device, withCacheFormats(model, { k, v }), { contextLength: 64 });
    const logits = await session.allLogits(tokens);
    session.close();
    return logits;
  };
  const exact = { ours: await ours({ k: 'F32', v: 'F32' }), theirs: await peer.logits(path, tokens) };
  const cases: PeerCache[] = [
    { k: 'Q8_0', v: 'F32' },
    { k: 'Q4_0', v: 'F32' },
    { k: 'F32', v: 'Q4_0' },
    { k: 'Q8_0', v: 'Q4_0' },
  ];
  for (const cache of cases) {
    const here = distance(await ours(cache), exact.ours);
    const there = distance(await peer.logits(path, tokens, cache), exact.theirs);
    t.diagnostic(`k ${cache.k}, v ${cache.v}: ${here.toExponential(2)} here, ${there.toExponential(2)} there`);
    // llama.cpp takes the first scale that comes to mind and rounds queries to int8; ours are searched.
    assert.ok(here > 0.5 * there && here < 1.2 * there, `k ${cache.k}, v ${cache.v}: ${here} and ${there}`);
  }
  await model.close();
});

/** Root mean square of the difference. */
function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
}
