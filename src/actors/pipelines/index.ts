// ── definitions ──────────────────────────────────────────────────────────────────────────

// ── runs: the pure state machine ─────────────────────────────────────────────────────────
export { type Refusal, type Report, resumeVerdict } from "./attempt-standing.ts";
export { buildGraph, type GraphNode, type GraphProblem, type GraphReport } from "./build-graph.ts";
// ── checks ───────────────────────────────────────────────────────────────────────────────
export { checkDefinition } from "./check-definition.ts";
export { definePipeline, isPipeline } from "./define-pipeline.ts";
export { parseDuration } from "./duration.ts";
export { type JobGraph, levelsOf, topologicalOrder } from "./graph.ts";
// ── runs: the actor, and all that runs jobs ──────────────────────────────────────────────
export {
  createJobEngine,
  type EngineSystem,
  type JobEngine,
  type JobEngineOptions,
} from "./job-engine.ts";
export { type ParametersResult, resolveParameters } from "./parameters.ts";
export type {
  CacheOptions,
  CheckoutOptions,
  Job,
  JobOptions,
  OutputMap,
  OutputsOf,
  ParameterMap,
  ParameterOptions,
  ParametersOf,
  Pipeline,
  PipelineBuilder,
  PipelineOptions,
  RetryOptions,
  VariableValue,
} from "./pipeline-builder.ts";
export type {
  CacheDefinition,
  CheckoutDefinition,
  Expression,
  JobDefinition,
  JobLimits,
  ParameterDefinition,
  PipelineDefinition,
  RetryPolicy,
  Shell,
  Template,
} from "./pipeline-definition.ts";
export {
  type CreateRun,
  definePipelineRun,
  type PipelineRunDefinition,
  type PipelineRunHandle,
  type RunOutlet,
} from "./pipeline-run.ts";
export type { PipelineProblem, ProblemCode, ProblemPath, SourcePosition } from "./problem.ts";
export {
  invalidPipeline,
  invalidRun,
  problemReport,
  type ReportOptions,
} from "./problem-report.ts";
export {
  type Decision,
  decide,
  type RunInput,
} from "./run-decisions.ts";
export { effectsOf, type PendingWork, pendingWork, type RunEffect } from "./run-effects.ts";
export type { RunEvent, RunEventData, RunEventType, StopRequest } from "./run-events.ts";
export { applyRunEvent, newRun, runEventHandlers } from "./run-fold.ts";
export { wakeAtMs } from "./run-follow-ups.ts";
export { conclusionOf, type JobState, type Run, type RunState } from "./run-state.ts";
export { instructionsOf, type JobInstructions } from "./run-values.ts";
// ── runs: the face ───────────────────────────────────────────────────────────────────────
export {
  isFinalStatus,
  type JobStatus,
  type JobView,
  type RunChange,
  type RunStatus,
  type RunSummary,
  type RunView,
} from "./run-view.ts";
export type { Runs, SubmitRun } from "./runs.ts";
export type { SecretContext, SecretSource } from "./secret-source.ts";
export {
  type ExpressionOf,
  hashFiles,
  type Secret,
  type ShellScript,
  type ShellValue,
  sh,
  type TextTemplate,
  template,
} from "./sh.ts";
export { parseSize, sizeText } from "./size.ts";
export {
  parseDefinition,
  type ValidationResult,
  validateDefinition,
} from "./validate-definition.ts";
export { summaryOf, viewOf, viewOfJob } from "./view-of-run.ts";
export { checkPipelineYaml, type ReadOptions, readPipelineYaml } from "./yaml/read-pipeline.ts";
