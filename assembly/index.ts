// The entry of all builds: what stands here is what `Team.dispatch` can call. See share.ts for how kernels take their
// arguments, and lanes.ts for the vector they are written in.
export { heapBase, setScratch } from './share';
export { add, addBias } from './elementwise';
