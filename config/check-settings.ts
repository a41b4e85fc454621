import { isEverybody, isLoopback } from './addresses.ts';
import type { Trunk } from './config.ts';
import type { Credentials } from './load-trunk.ts';
import type { SettingName, Settings } from './settings.ts';

/** @param others settings that it follows from, too */
export type Report = (name: SettingName, message: string, others?: readonly SettingName[]) => void;

/** What no variable shows alone. */
export function checkTogether(settings: Settings, trunk: Trunk | undefined, report: Report): void {
  const remote = !isLoopback(new URL(settings.LIVEKIT_URL).hostname);
  for (const name of ['LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'] as const) {
    const partner = name === 'LIVEKIT_API_SECRET' && settings.LIVEKIT_API_KEY !== undefined;
    if (settings[name] !== undefined || !(remote || partner)) continue;
    report(
      name,
      `is missing: ${remote ? 'LIVEKIT_URL is not on this machine' : 'its key is set'}.`,
      ['LIVEKIT_URL'],
    );
  }
  for (const name of ['DEEPGRAM', 'OPENAI'] as const) {
    if (settings[`${name}_BASE_URL`] === undefined || settings[`${name}_API_KEY`]) continue;
    report(`${name}_BASE_URL`, `is set without ${name}_API_KEY: set both, or neither to rehearse.`);
  }
  const { from, to } = settings.TRUNKLINE_SIP_RTP_PORTS;
  const room = (to - from + 1) / 2;
  if (room < settings.TRUNKLINE_MAX_CALLS) {
    const message = `has room for ${room} calls, two ports each; TRUNKLINE_MAX_CALLS is ${settings.TRUNKLINE_MAX_CALLS}.`;
    report('TRUNKLINE_SIP_RTP_PORTS', message, ['TRUNKLINE_MAX_CALLS']);
  }
  if (trunk !== undefined && isOpen(trunk) && !isLoopback(settings.TRUNKLINE_SIP_HOST)) {
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
export function sipCredentials(settings: Settings, report: Report): Credentials | undefined {
  const { TRUNKLINE_SIP_USERNAME: username, TRUNKLINE_SIP_PASSWORD: password } = settings;
  if (username !== undefined && password !== undefined) return { username, password };
  if (username !== undefined || password !== undefined) {
    const missing = username === undefined ? 'TRUNKLINE_SIP_USERNAME' : 'TRUNKLINE_SIP_PASSWORD';
    report(missing, 'is missing: the name and the password go together.');
  }
  return undefined;
}
