import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { format } from '../../numeric/table.ts';
import { roundingMethod } from '../../quantize/rounding/table.ts';

/** One format for every matrix. @throws UsageError when the format is not known */
export function uniformPlan(name: string, rounding: string): BitPlan {
  return { version: 1, rounding, formats: {}, default: knownFormat(name, '--type') };
}

/**
 * A plan as `bitbudget plan` saves it, or made by hand: at least `{"formats": {"blk.0.attn_q.weight": "Q4_K", …}}`
 * and/or `{"default": "Q4_K"}`.
 * @param text of the file, JSON
 * @param name of the file, for messages
 * @returns the plan, its formats known
 * @throws UsageError naming what is wrong
 */
export function readPlan(text: string, name: string): BitPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${name}: is not JSON; give a plan made by bitbudget plan`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${name}: expected a JSON object`);
  const plan = value as Record<string, unknown>;
  if (plan['version'] !== undefined && plan['version'] !== 1) {
    throw new UsageError(
      `${name}: version ${String(plan['version'])}, expected 1; make it with this version of bitbudget`,
    );
  }
  const formats = plan['formats'] ?? {};
  if (typeof formats !== 'object' || formats === null)
    throw new UsageError(`${name}: "formats" must map tensor names to formats`);
  const checked = Object.entries(formats).map(([tensor, chosen]) => [
    tensor,
    knownFormat(chosen, `${name}: ${tensor}`),
  ]);
  if (plan['default'] === undefined && checked.length === 0)
    throw new UsageError(`${name}: has neither "formats" nor "default"`);
  return {
    ...(plan as object),
    version: 1,
    rounding: roundingMethod(String(plan['rounding'] ?? 'gptq')).name,
    formats: Object.fromEntries(checked),
    cache: plan['cache'] === undefined ? undefined : readCache(plan['cache'], name),
    activations: plan['activations'] === undefined ? undefined : readActivations(plan['activations'], name),
    default: plan['default'] === undefined ? undefined : knownFormat(plan['default'], `${name}: default`),
  };
}

/** Formats that do not fit the model are refused when it is known. */
function readCache(cache: unknown, name: string): BitPlan['cache'] {
  const { k, v } = (typeof cache === 'object' ? (cache ?? {}) : {}) as Record<string, unknown>;
  const read = (names: unknown): string[] => {
    if (!Array.isArray(names) || !names.every((each) => typeof each === 'string'))
      throw new UsageError(`${name}: "cache" must be {"k": […], "v": […]}, a format for every block`);
    return names.map((each: string) => each.toUpperCase());
  };
  return { k: read(k), v: read(v) };
}

/** Names and bits that do not fit the model are refused when it is known. */
function readActivations(bits: unknown, name: string): BitPlan['activations'] {
  const isRecord = typeof bits === 'object' && bits !== null && !Array.isArray(bits);
  if (!isRecord || !Object.values(bits).every((each) => typeof each === 'number'))
    throw new UsageError(`${name}: "activations" must map tensor names to bits`);
  return bits as Record<string, number>;
}

function knownFormat(value: unknown, subject: string): string {
  if (typeof value !== 'string') throw new UsageError(`${subject}: expected the name of a format, such as Q4_K`);
  const known = format(value.toUpperCase());
  if (known.encodeBlocks === undefined || known.gguf === undefined)
    throw new UsageError(`${subject}: ${known.name} cannot be written to GGUF`);
  return known.name;
}
