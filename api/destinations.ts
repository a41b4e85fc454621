import { isE164 } from '../config/e164.ts';

/** No parameters and no headers: what is dialled is all that is checked. */
const SIP_ADDRESS = /^sips?:[\w.+-]{1,64}@[\w.-]{1,255}(?::\d{1,5})?$/;

/** Whether it is something that a call can be transferred to: a number in E.164 or a SIP address. */
export function isDestination(text: string): boolean {
  return isE164(text) || SIP_ADDRESS.test(text);
}

/** Whether one of the patterns (`+7343*`, `sip:*@pbx.example.com`, `*`) takes the destination in. */
export function isAllowed(destination: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.toLowerCase().split('*').map(escape);
    return new RegExp(`^${parts.join('.*')}$`).test(destination.toLowerCase());
  });
}

function escape(text: string): string {
  return text.replaceAll(/[^\w@]/g, String.raw`\$&`);
}
