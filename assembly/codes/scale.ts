import { half } from '../packed/half';
import { Plan } from './plan';

/** The scale at an address. */
// @ts-ignore: decorator
@inline export function readScale(plan: Plan, at: usize): f32 {
  if (plan.scaleBytes == 1) return load<f32>(plan.scales + (<usize>load<u8>(at) << 2));
  if (plan.scaleBytes == 2) return half(at);
  if (plan.scaleBytes == 3) return reinterpret<f32>(<u32>load<u16>(at) << 16);
  return load<f32>(at);
}
