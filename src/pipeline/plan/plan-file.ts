import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { bitsOf, edgeOption, isEdgeOption } from '../../model/edge-options.ts';
import { format } from '../../numeric/table.ts';
import { roundingMethod } from '../../quantize/rounding/table.ts';
import { type BitPlan1, fromVersion1 } from './version-1.ts';

/** One format for every matrix. @throws UsageError when the format is not known */
export function uniformPlan(name: string, rounding: string): BitPlan {
  return { version: 2, rounding, sites: {}, default: knownFormat(name, '--type') };
}

/**
 * A plan as `bitbudget plan` saves it, or made by hand: at least `{"sites": {"blk.0.attn_q.weight": "Q4_K", …}}` and/or
 * `{"default": "Q4_K"}`. Plans of version 1 become plans by sites here.
 * @param text of the file, JSON
 * @param name of the file, for messages
 * @returns the plan, its formats known
 * @throws UsageError naming what is wrong
 */
export function readPlan(text: string, name: string): BitPlan {
  const plan = objectOf(text, name);
  const { version = plan['sites'] === undefined ? 1 : 2 } = plan;
  if (version !== 1 && version !== 2) {
    throw new UsageError(
      `${name}: version ${String(version)}, expected 1 or 2; make it with this version of bitbudget`,
    );
  }
  const told = version === 1 ? fromVersion1(checkedVersion1(plan, name)) : (plan as Partial<BitPlan>);
  if (!isRecord(told.sites ?? {})) throw new UsageError(`${name}: "sites" must map sites to their options`);
  const sites = Object.entries<unknown>(told.sites ?? {}).map(([site, option]) => [
    site,
    knownOption(option, `${name}: ${site}`),
  ]);
  if (told.default === undefined && sites.length === 0)
    throw new UsageError(`${name}: has neither "${version === 1 ? 'formats' : 'sites'}" nor "default"`);
  return {
    ...told,
    version: 2,
    rounding: roundingMethod(String(told.rounding ?? 'gptq')).name,
    sites: Object.fromEntries(sites),
    default: told.default === undefined ? undefined : knownFormat(told.default, `${name}: default`),
  };
}

function objectOf(text: string, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${name}: is not JSON; give a plan made by bitbudget plan`);
  }
  if (!isRecord(value)) throw new UsageError(`${name}: expected a JSON object`);
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Shapes of what version 1 kept apart; names are checked with those of version 2. */
function checkedVersion1(plan: Readonly<Record<string, unknown>>, name: string): BitPlan1 {
  const { formats = {}, cache, activations } = plan;
  if (!isRecord(formats)) throw new UsageError(`${name}: "formats" must map tensor names to formats`);
  if (activations !== undefined) {
    if (!isRecord(activations) || !Object.values(activations).every((each) => typeof each === 'number'))
      throw new UsageError(`${name}: "activations" must map tensor names to bits`);
  }
  if (cache !== undefined) {
    const lists = isRecord(cache) ? [cache['k'], cache['v']] : [undefined];
    const isList = (each: unknown): boolean => Array.isArray(each) && each.every((one) => typeof one === 'string');
    if (!lists.every(isList))
      throw new UsageError(`${name}: "cache" must be {"k": […], "v": […]}, a format for every block`);
  }
  return { ...plan, version: 1, formats } as unknown as BitPlan1;
}

/** Sites and options that do not fit the model are refused when it is known. */
function knownOption(option: unknown, subject: string): string {
  if (Array.isArray(option)) {
    if (option.length > 0 && option.every((each) => each === option[0])) return knownOption(option[0], subject);
    throw new UsageError(`${subject}: one option for every expert; GGUF stores all in one format: give one`);
  }
  if (typeof option === 'string' && isEdgeOption(option)) return edgeOption(bitsOf(option, subject));
  return knownFormat(option, subject);
}

function knownFormat(value: unknown, subject: string): string {
  if (typeof value !== 'string') throw new UsageError(`${subject}: expected the name of a format, such as Q4_K`);
  const known = format(value.toUpperCase());
  if (known.encodeBlocks === undefined || known.gguf === undefined)
    throw new UsageError(`${subject}: ${known.name} cannot be written to GGUF`);
  return known.name;
}
