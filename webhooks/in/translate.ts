import type { Translate } from '../../ledger/set-aside.ts';
import { Report } from '../../calls/reports.ts';
import type { NumberPlan } from '../../livekit/from-livekit.ts';
import { fromLiveKit } from '../../livekit/from-livekit.ts';
import { fromReport } from './from-report.ts';
import { LiveKitWebhook } from '../../livekit/livekit-webhook.ts';

/** The event that a webhook or a report tells; throws what is wrong with it. */
export function translator(plan: NumberPlan): Translate {
  return (form, body, receivedAt) =>
    form === 'webhook'
      ? fromLiveKit(LiveKitWebhook.parse(body), receivedAt, plan)
      : fromReport(Report.parse(body), receivedAt, plan);
}
