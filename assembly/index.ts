// The entry of all builds: what stands here is what `Team.dispatch` can call. See share.ts for how kernels take their
// arguments, and lanes.ts for the vector they are written in.
export { activate, activateBackward, gated, gatedBackward } from './activations';
export { attention, attentionBackward } from './attention';
export { castFloats, castSums } from './cast';
export { decodeCodes } from './codes';
export { shortConv, shortConvBackward, shortConvWeightGradient } from './convolution';
export { combine, combineBackward, gatherSlots, gatherSlotsBackward, invertOrder } from './slots';
export { factorDiagonal, finishFactor } from './factor';
export { matmul } from './gemm';
export { groupedMatmul } from './grouped';
export { gram, mirror } from './gram';
export { fold, maxPool, maxPoolBackward, unfold } from './images';
export { compareLogits, logSoftmax, sampleColumns, sampleRows } from './logits';
export { add, addBias, rmsNorm, rmsNormBackward, rope } from './network';
export { meanRows, meanRowsBackward } from './mean';
export { linearAttention, linearAttentionBackward } from './recurrence';
export { roundBlock } from './round';
export { roundToBits } from './bits';
export { groupByExpert, route, routeBackward } from './route';
export { center, multiply, scale, scaleColumns, scaleRows, scaleRowsBackward } from './rows';
export { heapBase, setScratch } from './share';
export { addSketch, addSketchHead, sketchHeadTokens, sketchRows, sketchTokens } from './sketch';
export { columnEnergy, rowEnergy } from './energy';
export * from './entropy';
export * from './packed';
export * from './search';
