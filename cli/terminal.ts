import { styleText } from 'node:util';
import { parseLogLine } from './log-line.ts';
import type { ProcessName } from './stack.ts';
import type { SupervisorEvent } from './supervisor.ts';

/** What people call them. */
const titles: Record<ProcessName, string> = {
  livekit: 'livekit-server',
  rehearsal: 'rehearsal providers',
  api: 'call service',
  agent: 'agent worker',
  ingress: 'SIP endpoint',
};

export function titleOf(name: string): string {
  return titles[name as ProcessName] ?? name;
}

/** livekit-server warns about every client that leaves without a goodbye; its errors are enough. */
const errorsOnly: ReadonlySet<ProcessName> = new Set(['livekit']);

/** What an event is worth telling somebody who watches the terminal; undefined: nothing. */
export function describeEvent(
  name: ProcessName,
  event: SupervisorEvent,
  restarts: number,
): string | undefined {
  switch (event.type) {
    case 'started':
      return undefined;
    case 'ready':
      return restarts > 0
        ? `${titles[name]} runs again (${(event.afterMs / 1000).toFixed(1)} s)`
        : undefined;
    case 'died':
      return styleText(
        'red',
        `${titles[name]} died (${event.how}); started again in ${event.retryInMs} ms`,
      );
    case 'line': {
      const line = parseLogLine(event.line, event.stream);
      if (!line || line.severity === 'info') return undefined;
      if (line.severity === 'warning' && errorsOnly.has(name)) return undefined;
      const text = `${titles[name]}: ${line.text}`;
      return styleText(line.severity === 'error' ? 'red' : 'yellow', text);
    }
    default:
      return event satisfies never;
  }
}
