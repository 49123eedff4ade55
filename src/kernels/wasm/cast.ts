import type { Cast, Caster } from '../../numeric/casts.ts';
import { run } from './call.ts';
import type { Team } from './team.ts';

/** Operations that a value takes, about. */
const CAST_WORK = 4;

/** Casts in `assembly/cast.ts`. */
export function castKernels(team: Team): Caster {
  return {
    castValues: (cast, values, bytes) => {
      const wanted = Math.ceil((values.length * bitsOf(cast)) / 8);
      if (bytes.length !== wanted)
        throw new RangeError(`cast of ${values.length} values: ${bytes.length} bytes, expected ${wanted}`);
      const [name, spec] = 'components' in cast ? ['castSums', undefined] : ['castFloats', words(cast)];
      run(team, name, CAST_WORK * values.length, {
        inputs: spec === undefined ? [values] : [spec, values],
        outputs: [bytes],
        numbers: 'components' in cast ? [cast.components, values.length] : [values.length],
      });
    },
  };
}

function bitsOf(cast: Cast): number {
  return 'components' in cast ? 16 * cast.components : cast.bits;
}

/** As assembly/cast.ts has them. */
function words(cast: Exclude<Cast, { components: number }>): Int32Array {
  const { bits, mantissaBits, bias, largest, overflow, nan, nanKeeps, hasMinusZero } = cast;
  /** An exponent as a float32 has it. */
  const exponent = (e: number) => e * 2 ** 23;
  return Int32Array.of(
    ...[bits, mantissaBits, exponent(127 - bias), exponent(128 - bias), exponent(151 - bias - mantissaBits)],
    ...[largest, overflow, nan, nanKeeps, hasMinusZero ? -1 : 0],
    ...[2 ** (22 - mantissaBits) - 1, 2 ** (bits - 1)],
  );
}
