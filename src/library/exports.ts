/** What both entries of the library give beside their functions. */
export type { BitPlan, Objective, PlanPrediction } from '../allocate/types.ts';
export type { AssetLocator } from '../core/assets.ts';
export { BitbudgetError, FormatError, UsageError } from '../core/errors.ts';
export type { ProgressEvent, WorkOptions } from '../core/progress.ts';
export { readTasks } from '../evaluate/tasks/read.ts';
export type { Task, TaskScore } from '../evaluate/tasks/types.ts';
export type { Estimate, Evaluation } from '../evaluate/types.ts';
export type { WebModelSource } from '../model/open.ts';
export type { Model } from '../model/types.ts';
export type { ModelSource, OpenOptions, TextFile } from '../pipeline/host/types.ts';
export type { JobText } from '../pipeline/job.ts';
export { readPlan } from '../pipeline/plan/plan-file.ts';
export type { Forecast } from '../pipeline/preflight/types.ts';
export type { Solved } from '../pipeline/solve.ts';
export type { ReportData } from '../report/types.ts';
export type { GenerationStats } from '../run/generate.ts';
export type { ChatMessage } from '../text/chat.ts';
export type { TaskRequest } from './evaluate.ts';
export type { TextStream } from './generate.ts';
export { type ReportOptions, report } from './report.ts';
export type {
  Budget,
  ChatRequest,
  EvaluateRequest,
  PlanRequest,
  Quantized,
  QuantizeRequest,
  RunOptions,
  SearchOptions,
  Source,
} from './types.ts';
