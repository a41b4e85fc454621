import { isEverybody, isLoopback } from './addresses.ts';
import type { Trunk } from './config.ts';
import type { Credentials } from './load-trunk.ts';
import type { SettingName, Settings } from './settings.ts';

/** @param others settings that it follows from, too */
export type Report = (name: SettingName, message: string, others?: readonly SettingName[]) => void;

/**
 * What no variable shows alone.
 *
 * @param trunk undefined: it is not known
 */
export function checkTogether(settings: Settings, trunk: Trunk | undefined, report: Report): void {
  const { livekit, providers, sip, worker } = settings;
  const remote = !isLoopback(new URL(livekit.url).hostname);
  const missing = (name: SettingName) =>
    report(
      name,
      `is missing: ${remote ? 'LIVEKIT_URL is not on this machine' : 'its key is set'}.`,
      ['LIVEKIT_URL'],
    );
  if (livekit.apiKey === undefined && remote) missing('LIVEKIT_API_KEY');
  if (livekit.apiSecret === undefined && (remote || livekit.apiKey !== undefined)) {
    missing('LIVEKIT_API_SECRET');
  }
  const { deepgram, openai } = providers;
  for (const [name, { apiKey, baseUrl }] of [
    ['DEEPGRAM', deepgram],
    ['OPENAI', openai],
  ] as const) {
    if (baseUrl === undefined || apiKey !== undefined) continue;
    report(`${name}_BASE_URL`, `is set without ${name}_API_KEY: set both, or neither to rehearse.`);
  }
  const { from, to } = sip.rtpPorts;
  const room = (to - from + 1) / 2;
  if (room < worker.maxCalls) {
    const message = `has room for ${room} calls, two ports each; TRUNKLINE_MAX_CALLS is ${worker.maxCalls}.`;
    report('TRUNKLINE_SIP_RTP_PORTS', message, ['TRUNKLINE_MAX_CALLS']);
  }
  if (trunk !== undefined && isOpen(trunk) && !isLoopback(sip.host)) {
    report(
      'TRUNKLINE_SIP_HOST',
      'lets anybody on the network call: set TRUNKLINE_SIP_USERNAME and _PASSWORD, or allowed_addresses in the trunk file, or 127.0.0.1 here.',
    );
  }
}

/** Whether anybody who reaches the endpoint may call. */
function isOpen({ auth, allowedAddresses }: Trunk): boolean {
  return (
    auth === undefined && (allowedAddresses.length === 0 || allowedAddresses.some(isEverybody))
  );
}

/** The trunk's credentials from the environment: both or neither. */
export function sipCredentials({ sip }: Settings, report: Report): Credentials | undefined {
  const { username, password } = sip.credentials;
  if (username !== undefined && password !== undefined) return { username, password };
  if (username !== undefined || password !== undefined) {
    const missing = username === undefined ? 'TRUNKLINE_SIP_USERNAME' : 'TRUNKLINE_SIP_PASSWORD';
    report(missing, 'is missing: the name and the password go together.');
  }
  return undefined;
}
