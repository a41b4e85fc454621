/** The `trunkline/client` export. */
export { createClient } from './client.ts';
export type {
  BrowserToken,
  Call,
  CallDetail,
  Delivery,
  Endpoint,
  Key,
  Line,
  Page,
  Refusal,
  Session,
  TimelineEvent,
  Transcript,
  TrunklineClient,
} from './client.ts';
export type { CallActivity, StreamOptions, StreamedEvent } from './event-stream.ts';
export { TrunklineError } from './request.ts';
export type { ClientOptions, PostOptions } from './request.ts';
