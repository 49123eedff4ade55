import { lock } from '../../src/store/lock.node.ts';
import { WorkStore } from '../../src/store/store.node.ts';

/*
 * What tests of several processes run as processes of their own: `node holder.ts STORE what …`, until standard input ends.
 */

const [folder, what, name] = process.argv.slice(2);
const entry = await new WorkStore(folder).open({ step: 'prices', of: 'shared' }, { model: 'm' });

const acts: Readonly<Record<string, () => Promise<void>>> = {
  /** Keeps the entry in use. */
  open: async () => {},
  /** Holds a lock of the entry. */
  hold: async () => void entry.exclusively(name, () => new Promise(() => {})),
  /** Holds a lock by its file. */
  file: async () => void (await lock(name, 'exclusive')),
  /** Adds a line under a lock: a number one greater than the last. */
  count: async () => {
    for (let i = 0; i < 20; i++)
      await entry.exclusively('count', async () => {
        const bytes = await entry.get('count');
        const last = bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes));
        await entry.put('count', new TextEncoder().encode(String(last + 1)));
      });
    // Counting may be done before the others are told that it has begun.
    process.stdout.write('ready\n', () => process.exit(0));
  },
  /** Writes one record over and over. */
  write: async () => {
    for (let i = 0; ; i = (i + 1) % 256) await entry.put('record', new Uint8Array(200_000).fill(i));
  },
};

setTimeout(() => process.exit(3), 60_000).unref();
process.stdin.on('data', () => {}).on('end', () => process.exit(0));
const done = acts[what]();
await new Promise((resolve) => setTimeout(resolve, 50));
process.stdout.write('ready\n');
await done;
