import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePorts } from '../../cli/free-ports.ts';
import { openRtpEndpoint } from './rtp-endpoint.ts';

const run = promisify(execFile);

export interface SippCall {
  /** `host:port` of the SIP endpoint. */
  readonly endpoint: string;
  /** User part of the Request-URI and of To. */
  readonly to: string;
  /** From, e.g. `"+7…" <sip:+7…@example.com>`; sipp adds the tag. */
  readonly from: string;
  /** Further header lines of the INVITE. */
  readonly headers?: readonly string[];
  /** PCM16 mono at 8 kHz, spoken from the first audio heard on. */
  readonly speech: Int16Array;
  /** Which frames of RTP arrive; default: all of them. */
  readonly arrives?: (frame: number) => boolean;
  /** From the answer to the BYE, seconds. */
  readonly seconds: number;
  /** Final status of the INVITE, default 200; for others there is no conversation. */
  readonly status?: number;
}

/**
 * A call by Debian's sipp, whose scenario fails for anything but the expected messages; its media is
 * ours, because sipp does not record.
 * @returns what was heard, PCM16 mono at 8 kHz
 * @throws with sipp's own account of what went wrong
 */
export async function callWithSipp(call: SippCall): Promise<Int16Array> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-sipp-'));
  const rtp = await openRtpEndpoint(call.speech, call.arrives);
  const port = await findFreePorts(1);
  writeFileSync(join(folder, 'scenario.xml'), scenario(call, rtp.port));
  try {
    await run(
      'sipp',
      [
        call.endpoint,
        `-sf scenario.xml -i 127.0.0.1 -p ${port} -s ${call.to}`,
        `-m 1 -d ${call.seconds * 1000} -nostdin -trace_err -trace_msg`,
      ].flatMap((words) => words.split(' ')),
      { cwd: folder, timeout: (call.seconds + 60) * 1000 },
    );
    return rtp.close();
  } catch (error) {
    rtp.close();
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
    const said = logs.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    throw new Error(`the call by sipp failed:\n${said}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function scenario(call: SippCall, mediaPort: number): string {
  const status = call.status ?? 200;
  const request = (method: string, lines: readonly string[], body = '') => `
  <send${method === 'ACK' ? '' : ' retrans="500"'}><![CDATA[
    ${method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: ${call.from};tag=[pid]SIPp[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>${method === 'INVITE' ? '' : '[peer_tag_param]'}
    Call-ID: [call_id]
    Max-Forwards: 70
    ${[...lines, 'Content-Length: [len]'].join('\n    ')}

${body}]]></send>`;
  const offer = [
    'v=0',
    'o=sipp 1 1 IN IP4 [local_ip]',
    's=-',
    'c=IN IP4 [local_ip]',
    't=0 0',
    `m=audio ${mediaPort} RTP/AVP 8 101`,
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-16',
    'a=ptime:20',
    '',
  ].join('\n    ');
  const contact = 'Contact: <sip:sipp@[local_ip]:[local_port]>';
  const invite = ['CSeq: 1 INVITE', contact, ...(call.headers ?? [])];
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  ${request('INVITE', [...invite, 'Content-Type: application/sdp'], `    ${offer}`)}
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="${status}" rtd="true"/>
  ${request('ACK', ['CSeq: 1 ACK'])}
  ${
    status === 200
      ? `<pause/>${request('BYE', ['CSeq: 2 BYE'])}
  <recv response="200"/>`
      : ''
  }
</scenario>
`;
}
