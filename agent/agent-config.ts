import type { Config } from '../config/config.ts';

/** What the worker and its hosts use of the configuration. */
export const AGENT_PARTS = [
  'livekit',
  'agentName',
  'dataDir',
  'logLevel',
  'callServiceUrl',
  'worker',
  'providers',
  'numbering',
  'lines',
] as const;
export type AgentConfig = Pick<Config, (typeof AGENT_PARTS)[number]>;
