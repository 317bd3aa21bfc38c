/** What the UI backend answers: row shapes of its REST API. Every key is always present; what may be unknown is null. */

export type RunStatus = "running" | "completed" | "failed";
export type TaskStatus = RunStatus | "pending" | "unknown" | "refining";

export interface UIRun {
  flow_id: string;
  run_number: number;
  run_id: string | null;
  run: string;
  user_name: string | null;
  user: string | null;
  status: RunStatus;
  ts_epoch: number;
  finished_at: number | null;
  duration: number | null;
  last_heartbeat_ts: number | null;
  tags: string[] | null;
  system_tags: string[] | null;
}

export interface UIStep {
  flow_id: string;
  run_number: number;
  run_id: string | null;
  step_name: string;
  user_name: string | null;
  ts_epoch: number;
  duration: number | null;
  tags: string[] | null;
  system_tags: string[] | null;
}

/** One attempt of a task. */
export interface UITask {
  flow_id: string;
  run_number: number;
  run_id: string | null;
  step_name: string;
  task_id: number;
  task_name: string | null;
  user_name: string | null;
  status: TaskStatus;
  task_ok: string | null;
  ts_epoch: number;
  started_at: number | null;
  finished_at: number | null;
  duration: number | null;
  attempt_id: number;
  tags: string[] | null;
  system_tags: string[] | null;
  last_heartbeat_ts: number | null;
  foreach_label?: string | null;
  postprocess_error?: PostprocessError | null;
}

export interface PostprocessError {
  id: string;
  detail: string | null;
  traceback?: string | null;
}

export interface UIMetadata {
  id: number;
  flow_id: string;
  run_number: number;
  run_id: string | null;
  step_name: string;
  task_id: number;
  task_name: string | null;
  attempt_id: number | null;
  field_name: string;
  value: string;
  type: string;
  user_name: string | null;
  ts_epoch: number;
  tags: string[] | null;
  system_tags: string[] | null;
}

export interface UIArtifact {
  flow_id: string;
  run_number: number;
  run_id: string | null;
  step_name: string;
  task_id: number;
  task_name: string | null;
  attempt_id: number;
  name: string;
  location: string;
  ds_type: string;
  sha: string;
  type: string;
  content_type: string;
  user_name: string | null;
  ts_epoch: number;
  tags: string[] | null;
  system_tags: string[] | null;
  /** With `postprocess=true`: the value as Python prints it, or why it is not there. */
  content?: string | null;
  postprocess_error?: PostprocessError | null;
  /** Of this project's backend only: the value's Python type, and the bytes of its file. */
  value_type?: string | null;
  stored_bytes?: number | null;
}

export type DagStepType =
  | "start"
  | "linear"
  | "end"
  | "split"
  | "split-static"
  | "split-foreach"
  | "split-parallel"
  | "split-switch"
  | "join";

export interface DagStep {
  name: string;
  type: DagStepType;
  line?: number | null;
  doc?: string | null;
  next: string[];
  decorators?: { name: string; attributes?: Record<string, unknown> | null; statically_defined?: boolean }[];
  foreach_artifact?: string | null;
  matching_join?: string | null;
}

export interface Dag {
  file?: string | null;
  doc?: string | null;
  start_step?: string;
  end_step?: string;
  parameters?: { name: string; type: string }[];
  steps: Record<string, DagStep>;
  graph_structure: DagStructure;
}

/** `["start", [["work"]], "join", "end"]`: a list inside is parallel branches, each a list itself. */
export type DagStructure = (string | DagStructure)[];

export interface LogLine {
  row: number;
  timestamp: number | null;
  line: string;
}

export interface Card {
  id: string | null;
  hash: string;
  type: string;
  /** Of this project's backend only: the attempt that has made it, and the path of the task it was taken over from. */
  attempt_id?: number | null;
  origin?: string | null;
  /** What changes when the page, and when its live data, is written again. */
  version?: string | null;
  data_version?: string | null;
}

/** What a card that moves says of itself beside its page. */
export interface CardData {
  /** Another one than that of the page: the page has to be loaded again. `final` is the last. */
  reload_token?: string;
  data?: unknown;
}

/** A parameter's value as it is shown in full, on one line, and as what decides whether two are the same. */
export interface Parameter {
  text: string;
  line: string;
  same: string;
}

export type Parameters = Record<string, Parameter>;

export interface Notification {
  id: string;
  type: string;
  message: string;
  url: string | null;
  urlText: string | null;
  created: number;
}

export interface QuickLink {
  href: string;
  label: string;
}

/** The stack that serves this page; an official backend has none (404). */
export interface StackInfo {
  name: string | null;
  version: string | null;
  root: string | null;
  url: string | null;
  public_url: string | null;
  programs: StackProgram[] | null;
  mirror: StackMirror | null;
  snapshots: StackSnapshot[] | null;
  disk: { free: number | null; total: number | null } | null;
  client: { shell: string | null; notebook: string | null } | null;
  now: number | null;
}

export interface StackProgram {
  program: string;
  state: "up" | "no answer" | "down" | "restarting" | "failed" | null;
  address: string | null;
  /** bytes */
  memory: number | null;
  /** seconds */
  uptime: number | null;
  answer_ms: number | null;
  detail: string | null;
}

export interface StackMirror {
  state: string | null;
  saved_at: number | null;
  behind_bytes: number | null;
  degraded_since: number | null;
  detail: string | null;
  newest_base_at: number | null;
  holder: string | null;
  bytes_per_minute: number | null;
  files_per_minute: number | null;
}

export interface StackSnapshot {
  name: string;
  time: number | null;
  bytes: number | null;
  rows: number | null;
  origin: string | null;
  verified: boolean | null;
}
