import type { EntropyCoder, RansTask } from '../../numeric/entropy/types.ts';
import { unitBytes } from '../../numeric/entropy/units.ts';
import { run, upload } from './call.ts';
import type { Team } from './team.ts';

/** Operations that a symbol takes, about. */
const COUNT_WORK = 2;
const CODE_WORK = 20;
const UNIT_WORK = 1;
const TASK_WORDS = 8;

/** Entropy coding in `assembly/entropy`: arrays are copied there and back. */
export function entropyKernels(team: Team): EntropyCoder {
  return {
    pairCounts: ({ rows, columns, symbols, codes }, { rowClasses, columnClasses, ofRow, ofColumn }) => {
      const counts = new Uint32Array(rowClasses * columnClasses * symbols);
      run(team, 'pairCounts', COUNT_WORK * codes.length, {
        inputs: [codes, ofRow, ofColumn],
        outputs: [counts],
        numbers: [rows, columns, symbols, rowClasses, columnClasses],
      });
      return Float64Array.from(counts);
    },
    assignClasses: ({ rows, columns, symbols, codes }, classes, axis, prices) => {
      const { rowClasses, columnClasses, ofRow, ofColumn } = classes;
      const [mine, others, count] = axis === 'row' ? [ofRow, ofColumn, rowClasses] : [ofColumn, ofRow, columnClasses];
      const found = new Uint8Array(mine.length);
      run(team, axis === 'row' ? 'assignRows' : 'assignColumns', COUNT_WORK * codes.length, {
        inputs: [codes, others, prices, mine],
        outputs: [found],
        numbers: [rows, columns, symbols, prices.length / count, count],
      });
      const moved = mine.some((k, item) => k !== found[item]);
      mine.set(found);
      return moved;
    },
    encodeSegments: (task, { frequencies, starts, slots }, symbols, streams, found) => {
      withTask(team, task, (address) => {
        run(team, 'encodeSegments', CODE_WORK * symbols.length, {
          inputs: [address, frequencies, starts, slots, symbols],
          outputs: [streams, found],
          numbers: [streams.length / task.segments],
        });
      });
    },
    decodeSegments: (task, buckets, bytes, ends, symbols) => {
      const failed = new Uint8Array(task.segments);
      withTask(team, task, (address) => {
        run(team, 'decodeSegments', CODE_WORK * symbols.length, {
          inputs: [address, buckets, bytes, ends],
          outputs: [symbols, failed],
          numbers: [],
        });
      });
      return failed.every((flag) => flag === 0);
    },
    splitUnits: (units, bytes, headers, codes) => {
      const { count, headerBytes, bits, codes: each } = units;
      team.scope(() => {
        const from = upload(team, bytes);
        run(team, 'splitUnits', UNIT_WORK * codes.length, {
          inputs: [from, from + bytes.length],
          outputs: [headers, codes],
          numbers: [count, headerBytes, bits, each, unitBytes(units)],
        });
      });
    },
    joinUnits: (units, headers, codes, bytes) => {
      const { count, headerBytes, bits, codes: each } = units;
      run(team, 'joinUnits', UNIT_WORK * codes.length, {
        inputs: [headers, codes],
        outputs: [bytes],
        numbers: [count, headerBytes, bits, each, unitBytes(units)],
      });
    },
  };
}

/** Runs `work` with a task as assembly/entropy/task.ts has it, in the team's memory. */
function withTask(team: Team, task: RansTask, work: (address: number) => void): void {
  const { rows, columns, symbols, rowsOfSegment, segments, lanes, tableOfRow, tableOfColumn } = task;
  team.scope(() => {
    const address = team.allocate(4 * (TASK_WORDS + rows + columns));
    const ofRow = address + 4 * TASK_WORDS;
    new Uint32Array(team.memory.buffer, address, TASK_WORDS).set([
      rows,
      columns,
      symbols,
      rowsOfSegment,
      segments,
      lanes,
      ofRow,
      ofRow + 4 * rows,
    ]);
    new Uint32Array(team.memory.buffer, ofRow, rows).set(tableOfRow);
    new Uint32Array(team.memory.buffer, ofRow + 4 * rows, columns).set(tableOfColumn);
    work(address);
  });
}
