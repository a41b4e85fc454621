import { expect, it } from 'vitest';
import { newBranch, sdpOf } from '../fixtures/sip-client.ts';
import type { Dialled, Received } from '../fixtures/sip-client.ts';
import { newCaller, start } from '../fixtures/start.ts';
import type { TestEndpoint } from '../fixtures/test-endpoint.ts';

/** The endpoint answers in order: what was sent before has been processed when this is answered. */
async function processed(test: TestEndpoint, address: string): Promise<void> {
  const probe = await newCaller(test, address);
  const asked = probe.dial({ uri: 'sip:nobody@127.0.0.1' });
  await probe.next((message) => message.header('call-id') === asked.callId);
}

it.each([
  ['without a CSeq', []],
  ['with a CSeq that is none', ['CSeq: x']],
  ['with a CSeq of too much', ['CSeq: 4294967296 BYE']],
  ['with two of them', ['CSeq: 1 BYE', 'CSeq: 2 INVITE']],
  ['with one that answers nothing', ['CSeq: 1 BYE']],
  ['with a type that is none', ['CSeq: 1 BYE', 'Content-Type: (']],
])('a response %s is counted and costs no line', async (_what, lines) => {
  const { test, caller } = await start({ numbers: ['+15550100'] });
  const response = [
    'SIP/2.0 200 OK',
    `Via: SIP/2.0/UDP 127.0.0.1:${test.endpoint.port};branch=z9hG4bKnone`,
    'From: <sip:a@127.0.0.1>;tag=1',
    'To: <sip:b@127.0.0.1>;tag=2',
    'Call-ID: 1',
    ...lines,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
  for (let count = 0; count < 20; count += 1) caller.send(response);
  await processed(test, '127.0.5.1');
  expect(caller.received).toEqual([]);
  expect(await test.dropped()).toBe(20);
  expect(test.logged.join('')).not.toContain('not processed');
});

it('a message that cannot be processed is counted, and logged without a stack, ten times at most', async () => {
  const { test, caller } = await start({
    onReport: ({ type }) => {
      if (type === 'leg.invited') throw new Error('no');
    },
  });
  for (let count = 0; count < 30; count += 1) {
    caller.dial();
    await caller.status(500);
  }
  const lines = test.logged.filter((line) => line.includes('not processed'));
  expect(lines).toHaveLength(10);
  expect(lines.join('')).not.toContain('at ');
  expect(await test.faults()).toBe(30);
});

/** Reproducible, so that what fails once fails again. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const VALUES = [
  '',
  '*',
  '0',
  '4294967295',
  '-1',
  '"',
  '<',
  '<sip:%25ZZ@x>',
  'sip:',
  'a/b',
  '\u00ff',
  ';;',
  ',',
  '__proto__',
  '<tel:1>;tag=x',
  'SIP/2.0/UDP x',
  '1 INVITE',
  '999 ACK',
  '(',
  'application/sdp',
];
const NAMES = [
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Contact',
  'Content-Type',
  'Content-Length',
  'Content-Disposition',
  'Record-Route',
  'Route',
  'Require',
  'Event',
  'RSeq',
  'Refer-To',
  'WWW-Authenticate',
  'Max-Forwards',
  'call_id',
  '__proto__',
  'constructor',
];

/** One line is dropped, doubled, moved, changed by a byte or given another value. */
function mutate(text: string, random: (below: number) => number): string {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const lines = head.split('\r\n');
  const at = 1 + random(lines.length - 1);
  const line = lines[at] ?? '';
  const value = VALUES[random(VALUES.length)] ?? '';
  const byte = random(line.length + 1);
  const changed = [
    () => [],
    () => [line, line],
    () => [`${line.split(':')[0]}: ${value}`],
    () => [line, `${NAMES[random(NAMES.length)]}: ${value}`],
    () => [line.slice(0, byte) + String.fromCodePoint(random(256)) + line.slice(byte + 1)],
    () => [line.slice(0, byte)],
  ][random(6)];
  lines.splice(at, 1, ...(changed?.() ?? []));
  return [lines.join('\r\n'), ...body].join('\r\n\r\n');
}

function tagOf(answer: Received): string | undefined {
  return /;tag=([^;\s]+)/.exec(answer.header('to') ?? '')?.[1];
}

/** Of a call that rings or is up, what its caller may send. */
function requestsOf(call: Dialled): string[] {
  const sdp = sdpOf({ port: 40_002, lines: ['a=sendonly'] });
  const ack = call.text('ACK', ['Content-Type: application/sdp'], sdp);
  const cancel = call.text('CANCEL');
  const invite = call.text('INVITE', ['Content-Type: application/sdp'], sdp);
  call.cseq += 1;
  call.branch = newBranch();
  return [
    invite,
    ack,
    cancel,
    call.text('INVITE', ['Content-Type: application/sdp'], sdp),
    call.text('INFO', ['Content-Type: application/dtmf'], '5'),
    call.text('UPDATE'),
    call.text('NOTIFY', ['Event: x']),
    call.text('OPTIONS'),
    call.text('BYE'),
  ];
}

/** The answer to a request of ours. */
function answerTo({ text }: Received, status: string): string {
  const lines = text.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
  return [`SIP/2.0 ${status}`, ...lines, 'Content-Length: 0', '', ''].join('\r\n');
}

const SEEDS = Array.from({ length: 16 }, (_, index) => 3261 + index);

it.each(SEEDS)('nothing in the name of a call makes SIP.js throw, seed %i', async (seed) => {
  const random = dice(seed);
  const offers = seed % 4 !== 0;
  const { test, caller } = await start();
  const sendMutants = (text: string, copies: number): void => {
    for (let copy = 0; copy < copies; copy += 1) {
      let mutant = text;
      for (let changes = random(3); changes >= 0; changes -= 1) mutant = mutate(mutant, random);
      caller.send(mutant);
    }
  };
  const call = caller.dial({ sdp: offers ? sdpOf({ port: 40_000 }) : '' });
  call.toTag = tagOf(await caller.status(180));
  const leg = await test.leg();
  if (seed % 2 === 0) {
    leg.emit('agentReady');
    await caller.status(200);
    call.ack(offers ? '' : sdpOf({ port: 40_000 }));
  }
  for (const text of requestsOf(call)) sendMutants(text, 10);
  await processed(test, '127.0.6.1');
  leg.emit('closed', 'participant_removed');
  await test.until(() => test.reports.some(({ type }) => type === 'leg.ended'));
  await processed(test, '127.0.6.2');
  for (const bye of caller.received.filter(({ method }) => method === 'BYE')) {
    for (const status of ['100 Trying', '200 OK', '401 No', '481 No', '603 No']) {
      sendMutants(answerTo(bye, status), 5);
    }
    caller.send(answerTo(bye, '200 OK'));
  }
  await processed(test, '127.0.6.3');
  expect(test.logged.filter((line) => line.includes('not processed'))).toEqual([]);
  expect(await test.faults()).toBe(0);
});
