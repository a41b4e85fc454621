import type { Activity, ActivityNotes } from '../calls/activity.ts';
import type { Config } from '../config/config.ts';
import { signReportToken } from './report-token.ts';

/** Captions that come this often read as speech, ms. */
const EVERY_MS = 200;
/** A call service that is away is left alone for so long, ms. */
const PAUSE_MS = 5_000;
const TIMEOUT_MS = 2_000;

/** Tells the call service what calls are at. What cannot be told now is never told. */
export interface ActivityTeller {
  tell(jobId: string, activity: Activity): void;
}

export function openActivityTeller({
  callServiceUrl,
  livekit,
}: Pick<Config, 'callServiceUrl' | 'livekit'>): ActivityTeller {
  const endpoint = new URL('/internal/v1/activity', callServiceUrl);
  const latest = new Map<string, Activity>();
  let timer: NodeJS.Timeout | undefined;

  async function send(): Promise<boolean> {
    const body: ActivityNotes = {
      notes: [...latest].map(([jobId, activity]) => ({ jobId, activity })),
    };
    latest.clear();
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await signReportToken(livekit, 'worker')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  function plan(ms: number): void {
    timer = setTimeout(() => void sendOn(), ms).unref();
  }

  async function sendOn(): Promise<void> {
    const isTold = latest.size === 0 || (await send());
    timer = undefined;
    if (!isTold) plan(PAUSE_MS);
    else if (latest.size > 0) plan(EVERY_MS);
  }

  return {
    tell(jobId, activity) {
      latest.set(jobId, { ...latest.get(jobId), ...activity });
      if (timer === undefined) plan(EVERY_MS);
    },
  };
}
