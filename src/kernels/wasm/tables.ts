import type { SignedPatterns } from '../../numeric/patterns.ts';
import type { Team } from './team.ts';

/** Tables in the memory of a team, each put there when first asked for, to stay. */
export class Tables {
  readonly #team: Team;
  readonly #kept = new WeakMap<object, number>();

  constructor(team: Team) {
    this.#team = team;
  }

  /** Address of what stands for a key. Memory may grow. @param make its bytes, little-endian */
  of(key: object, make: () => ArrayBuffer): number {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(make());
    const address = this.#team.allocateTable(bytes.length);
    new Uint8Array(this.#team.memory.buffer, address, bytes.length).set(bytes);
    this.#kept.set(key, address);
    return address;
  }
}

const tables = new WeakMap<Team, Tables>();

/** The tables of a team: searches and decoders share them. */
export function tablesOf(team: Team): Tables {
  const known = tables.get(team) ?? new Tables(team);
  tables.set(team, known);
  return known;
}

/** Places in a record of patterns, see assembly/patterns.ts. */
const SHIFTS = 8192;
const ODD = 9216;
const CLASSES = 9472;
const CLASS_BYTES = 32;
const MOST_CLASSES = 8;
const MOST_LEVELS = 3;
const PLACES = 9744;
const RECORD_BYTES = PLACES + 2 * 8 * 256;
/** Bytes of a level's costs in four lanes. */
const LEVEL_BYTES = 32;

/** The record of patterns, as assembly/patterns.ts reads it. */
export function patternRecord({ classes, magnitudes, shifts, isOdd }: SignedPatterns): ArrayBuffer {
  if (classes.length > MOST_CLASSES)
    throw new RangeError(`${classes.length} classes of patterns, at most ${MOST_CLASSES} fit`);
  const record = new ArrayBuffer(RECORD_BYTES);
  new Float32Array(record, 0, magnitudes.length).set(magnitudes);
  new Float32Array(record, SHIFTS, shifts.length).set(shifts);
  new Uint8Array(record, ODD, isOdd.length).set(isOdd);
  const view = new DataView(record);
  view.setInt32(CLASSES, classes.length, true);
  const places = new Uint16Array(record, PLACES);
  classes.forEach((one, c) => {
    const at = CLASSES + 16 + c * CLASS_BYTES;
    for (const [l, level] of one.levels.entries()) view.setFloat32(at + 4 * l, level, true);
    view.setFloat32(at + 12, one.shift, true);
    const facts = [one.levels.length, Number(one.isOdd), one.first, one.places.length / 8];
    for (const [k, fact] of facts.entries()) view.setInt32(at + 16 + 4 * k, fact, true);
    one.places.forEach((place, k) => {
      places[8 * one.first + k] = LEVEL_BYTES * (MOST_LEVELS * (k % 8) + place);
    });
  });
  return record;
}
