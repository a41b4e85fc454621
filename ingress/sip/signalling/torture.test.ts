import { afterAll, beforeAll, expect, it } from 'vitest';
import { SipClient } from '../fixtures/sip-client.ts';
import { TestEndpoint } from '../fixtures/test-endpoint.ts';
import { tortureMessages } from '../fixtures/torture-messages.ts';

let test: TestEndpoint;
let client: SipClient;

beforeAll(async () => {
  // Nobody in RFC 4475 dials this number: what is valid is refused by 404.
  test = await TestEndpoint.open({ numbers: ['+15550100'] });
  client = await SipClient.open(test.endpoint.port);
});
afterAll(async () => {
  client.close();
  await test.close();
});

let pings = 0;
/** The endpoint answers in order, so what has not come before this answer does not come. */
async function ping(client: SipClient): Promise<void> {
  pings += 1;
  const callId = `ping-${pings}`;
  client.send(
    [
      'OPTIONS sip:ping@127.0.0.1 SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:${client.port};rport;branch=z9hG4bK${callId}`,
      'Max-Forwards: 70',
      'From: <sip:a@127.0.0.1>;tag=1',
      'To: <sip:b@127.0.0.1>',
      `Call-ID: ${callId}`,
      'CSeq: 1 OPTIONS',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
  const answer = await client.next((message) => message.header('call-id') === callId);
  expect(answer.status).toBe(200);
}

it('has all 49 messages', () => {
  expect(new Set(tortureMessages.map(({ section }) => section)).size).toBe(49);
});

it.each(tortureMessages)('RFC 4475 §$section $name', async ({ raw, answer }) => {
  client.received.length = 0;
  client.send(raw);
  await ping(client);
  // Only what answers this message: refusals of earlier ones are repeated for want of an ACK.
  const callId = /^(?:call-id|i)\s*:\s*(.*?)\r$/im.exec(raw.toString('latin1'))?.[1] ?? '';
  const statuses = client.received
    .filter((message) => message.header('call-id') === callId)
    .map(({ status }) => status);
  if (answer === 'silence') {
    expect(statuses).toEqual([]);
  } else {
    expect(statuses).toHaveLength(1);
    expect(answer).toContain(statuses[0]);
  }
  expect(test.legs).toEqual([]);
  expect(test.reports).toEqual([]);
});

it('takes whatever a bit flip, a cut or a repetition makes of them', async () => {
  // Reproducible, so that what fails once fails again.
  let seed = 4475;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 1; round <= 20; round += 1) {
    // One address is not answered so often.
    const sender = await SipClient.open(test.endpoint.port, `127.0.4.${round}`);
    for (const { raw } of tortureMessages) {
      const broken = Buffer.from(raw);
      for (let flips = random(4); flips >= 0; flips -= 1) {
        broken[random(broken.length)] = random(256);
      }
      const cut = random(broken.length);
      const piece = broken.subarray(cut, cut + random(200));
      sender.send(
        random(2) === 0 ? broken : Buffer.concat([broken.subarray(0, cut), piece, piece]),
      );
    }
    await ping(sender);
    sender.close();
  }
  expect(test.legs).toEqual([]);
  expect(await test.faults()).toBe(0);
});
