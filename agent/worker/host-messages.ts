import type { AgentConfig } from '../agent-config.ts';
import type { JobInfo } from '../conversation/job.ts';

/** Worker to host, over the child process' IPC channel. */
export type ToHost =
  | { readonly type: 'init'; readonly config: AgentConfig }
  | { readonly type: 'job'; readonly job: JobInfo }
  | { readonly type: 'terminate'; readonly jobId: string }
  /** No more jobs come: it ends with its last call. */
  | { readonly type: 'drain' }
  /** To be answered by `pong` at once. */
  | { readonly type: 'ping' };

/** Host to worker. */
export type FromHost =
  | { readonly type: 'ready' }
  | { readonly type: 'jobEnded'; readonly jobId: string }
  | ({ readonly type: 'pong' } & HostHealth);

/** How a host is. */
export interface HostHealth {
  /** The longest that its event loop stood still since it was asked before, s. */
  readonly lag: number;
  /** Bytes. */
  readonly memory: number;
}
