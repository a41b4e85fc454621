import { describe, expect, it } from 'vitest';
import { sdpOf } from '../fixtures/sip-client.ts';
import { isIncompatible, negotiate, parseSdp, writeAnswer, writeOffer } from './sdp.ts';
import type { Incompatible, Negotiated } from './sdp.ts';

const CODECS = ['PCMA', 'PCMU'];
const LOCAL = { address: '127.0.0.1', port: 10_000, sessionId: 7, version: 1 };

function result(sdp: string, codecs = CODECS, source = '127.0.0.1'): Negotiated | Incompatible {
  const parsed = parseSdp(sdp);
  return isIncompatible(parsed) ? parsed : negotiate(parsed, codecs, source);
}

function agree(sdp: string, codecs = CODECS, source = '127.0.0.1'): Negotiated | undefined {
  const agreed = result(sdp, codecs, source);
  return isIncompatible(agreed) ? undefined : agreed;
}

describe('negotiate', () => {
  it('takes our first codec that is offered, and telephone-event', () => {
    expect(agree(sdpOf({ port: 4000 }))).toEqual({
      remote: { address: '127.0.0.1', port: 4000 },
      codec: 'PCMA',
      payloadType: 8,
      dtmfPayloadType: 101,
      ptime: 20,
      direction: 'sendrecv',
    });
    expect(agree(sdpOf({ port: 4000 }), ['PCMU', 'PCMA'])?.codec).toBe('PCMU');
  });

  it('knows static payload types without an rtpmap, alone or in a list', () => {
    expect(agree(sdpOf({ port: 4000, payloads: '0', lines: [] }))).toMatchObject({
      codec: 'PCMU',
      payloadType: 0,
      dtmfPayloadType: undefined,
    });
    expect(agree(sdpOf({ port: 4000, payloads: '18 8', lines: [] }))?.codec).toBe('PCMA');
  });

  it('follows an rtpmap to a dynamic payload type, and not one that says something else', () => {
    const dynamic = sdpOf({ port: 4000, payloads: '97', lines: ['a=rtpmap:97 pcmu/8000'] });
    expect(agree(dynamic)).toMatchObject({ codec: 'PCMU', payloadType: 97 });
    const other = sdpOf({ port: 4000, payloads: '8', lines: ['a=rtpmap:8 L16/8000'] });
    expect(agree(other)).toBeUndefined();
  });

  it.each([
    [['a=ptime:10'], 10],
    [['a=ptime:30'], 30],
    [['a=ptime:40'], 20],
    [['a=ptime:20', 'a=maxptime:10'], 10],
    [['a=maxptime:240'], 20],
    [[], 20],
  ])('packet time of %j is %i', (lines, ptime) => {
    expect(agree(sdpOf({ port: 4000, payloads: '8', lines }))?.ptime).toBe(ptime);
  });

  it.each([
    ['a=sendrecv', 'sendrecv'],
    ['a=sendonly', 'recvonly'],
    ['a=recvonly', 'sendonly'],
    ['a=inactive', 'inactive'],
  ])('%s of the caller is %s for us', (line, direction) => {
    expect(agree(sdpOf({ port: 4000, payloads: '8', lines: [line] }))?.direction).toBe(direction);
  });

  it.each([
    ['a=sendrecv', 'recvonly'],
    ['a=sendonly', 'recvonly'],
    ['a=recvonly', 'inactive'],
    ['a=inactive', 'inactive'],
  ])('%s to 0.0.0.0 is a hold: %s for us', (line, direction) => {
    const hold = sdpOf({ port: 4000, address: '0.0.0.0', payloads: '8', lines: [line] });
    expect(agree(hold)?.direction).toBe(direction);
  });

  it('takes 0.0.0.0 for hold, and a direction of the session for all media', () => {
    expect(agree(sdpOf({ port: 4000, address: '0.0.0.0', lines: [] }))?.direction).toBe('recvonly');
    const session = sdpOf({ port: 4000, lines: [] }).replace('t=0 0', 't=0 0\r\na=inactive');
    expect(agree(session)?.direction).toBe('inactive');
  });

  it('sends to the source of the call where a name is given, never to a group', () => {
    const named = sdpOf({ port: 4000, address: 'pbx.example.com' });
    expect(agree(named, CODECS, '192.0.2.7')?.remote.address).toBe('192.0.2.7');
    expect(agree(sdpOf({ port: 4000, address: '239.1.1.1' }))).toBeUndefined();
    expect(agree(sdpOf({ port: 4000, address: '255.255.255.255' }))).toBeUndefined();
  });

  it.each([
    [305, 'no codec of ours', sdpOf({ port: 4000, payloads: '18 9', lines: [] })],
    [302, 'SRTP', sdpOf({ port: 4000, protocol: 'RTP/SAVP' })],
    [302, 'RTP with feedback', sdpOf({ port: 4000, protocol: 'RTP/AVPF' })],
    [304, 'audio switched off', sdpOf({ port: 0 })],
    [304, 'video only', sdpOf({ port: 4000 }).replace('m=audio', 'm=video')],
    [301, 'IPv6', sdpOf({ port: 4000, address: '::1' }).replaceAll('IP4', 'IP6')],
    [
      301,
      'IPv6 by its connection only',
      sdpOf({ port: 4000 }).replace('c=IN IP4 127.0.0.1', 'c=IN IP6 ::1'),
    ],
    [301, 'a host by IPv6', sdpOf({ port: 4000 }).replace('c=IN IP4 127.0.0.1', 'c=IN IP6 pbx')],
    [300, 'another network', sdpOf({ port: 4000 }).replace('c=IN IP4', 'c=TN RFC2543')],
    [330, 'multicast', sdpOf({ port: 4000, address: '239.1.1.1' })],
    [330, 'multicast with a TTL', sdpOf({ port: 4000, address: '239.1.1.1/127' })],
    [399, 'nothing', 'hello'],
    [399, 'emptiness', ''],
  ])('says by %i why it refuses %s (RFC 3261 §20.43)', (warning, _name, sdp) => {
    expect(result(sdp)).toMatchObject({ warning });
  });

  it('names what stands in the way of the audio that comes nearest', () => {
    const secure = sdpOf({ port: 4000, protocol: 'RTP/SAVP' });
    expect(result(`${secure}m=audio 4002 RTP/AVP 18\r\n`)).toMatchObject({ warning: 305 });
    expect(result(`${secure}m=audio 4002 RTP/AVP 8\r\n`)).toMatchObject({ codec: 'PCMA' });
  });
});

describe('writeAnswer', () => {
  it('keeps the order of the media lines and refuses all but one', () => {
    const offer = parseSdp(
      sdpOf({ port: 4000 }).replace('m=audio', 'm=video 5000 RTP/AVP 31\r\nm=audio') +
        'm=audio 6000 RTP/AVP 8\r\nm=application 9 UDP/BFCP *\r\n',
    );
    if (isIncompatible(offer)) throw new Error('offer not read');
    const negotiated = negotiate(offer, CODECS, '127.0.0.1');
    if (isIncompatible(negotiated)) throw new Error('offer not taken');
    const answer = writeAnswer(offer, CODECS, negotiated, LOCAL);
    expect(answer.match(/^m=.*$/gm)).toEqual([
      'm=video 0 RTP/AVP 31',
      'm=audio 10000 RTP/AVP 8 101',
      'm=audio 0 RTP/AVP 8',
      'm=application 0 UDP/BFCP *',
    ]);
    expect(answer).toContain('o=- 7 1 IN IP4 127.0.0.1');
    expect(answer).toContain('c=IN IP4 127.0.0.1');
    expect(answer).toContain('a=fmtp:101 0-15');
    expect(answer).toContain('a=ptime:20');
    expect(answer).toContain('a=sendrecv');
  });
});

describe('writeOffer', () => {
  it('offers our codecs in our order', () => {
    const offer = writeOffer(['PCMU', 'PCMA', 'opus'], LOCAL);
    expect(offer).toContain('m=audio 10000 RTP/AVP 0 8 101');
    expect(agree(offer)?.codec).toBe('PCMA');
  });
});
