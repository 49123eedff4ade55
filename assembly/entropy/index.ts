export { assignColumns, assignRows, pairCounts } from './classes';
export { decodeSegments } from './decode';
export { encodeSegments } from './encode';
export { joinUnits, splitUnits } from './units';
