export {
  requireCount,
  requireFunction,
  requireMembers,
  requireOptions,
  requireSignal,
  requireWord,
} from '../arguments.js';
export { allFinite } from './all-finite.js';
export type { Cell, CellOwner } from './cell.js';
export { cell } from './cell.js';
export type { Misfit, Sides } from '../state/differences.js';
export { requireFit, specDifferences } from '../state/differences.js';
export type { HalfDType } from './half-arrays.js';
export { halfFromFloat, halfToFloat32 } from './half-arrays.js';
export type { ChannelLayout } from './host-moments.js';
export { hostMoments } from './host-moments.js';
export type { HostMean } from './host-mean.js';
export { addToMean, finishMean, startMean } from './host-mean.js';
export type { Ledger, LedgerMemory } from './ledger.js';
export { ledger } from './ledger.js';
export type { ShiftedMeans } from './moments.js';
export { mergeMoments, shiftedMoments } from './moments.js';
export type { SwapOperations } from './swap-all.js';
export { swapAll } from './swap-all.js';
export { TensorMerge } from './tensor-merge.js';
export { requireNotLent } from '../parameters/live.js';
export { quoted } from '../parameters/parameter-list.js';
export { halfBits, halfValue } from '../tensor/half.js';
export { abortInTurns } from '../steps/abort.js';
export type { Steps } from '../steps/steps.js';
export { either, wait } from '../steps/steps.js';
export type { Warn } from '../steps/warn.js';
export { warnerOf } from '../steps/warn.js';
