import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { localLivekitYaml } from './livekit-config.ts';

const LOCAL = {
  port: 27_880,
  rtcUdpPort: 27_882,
  apiKey: 'key',
  apiSecret: 'secret',
  webhookUrls: ['http://127.0.0.1:28080/webhooks/livekit'],
};

test('a cluster configuration comes down to one process on loopback', () => {
  const base = {
    redis: { address: 'redis:6379' },
    turn: { enabled: true },
    bind_addresses: ['0.0.0.0'],
    rtc: {
      port_range_start: 50_000,
      port_range_end: 60_000,
      tcp_port: 7881,
      use_external_ip: true,
    },
    room: { empty_timeout: 60 },
  };
  expect(parse(localLivekitYaml(base, LOCAL))).toEqual({
    bind_addresses: ['127.0.0.1'],
    port: 27_880,
    rtc: {
      tcp_port: 0,
      udp_port: 27_882,
      node_ip: '127.0.0.1',
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      ips: { includes: ['127.0.0.0/8'] },
      stun_servers: ['127.0.0.1:3478'],
    },
    room: { empty_timeout: 60 },
    keys: { key: 'secret' },
    webhook: { api_key: 'key', urls: LOCAL.webhookUrls },
  });
});

test('what livekit.yaml says of rooms and dispatch is kept', () => {
  const file = new URL('../livekit.yaml', import.meta.url);
  const base = parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const local = parse(localLivekitYaml(base, LOCAL)) as Record<string, unknown>;
  expect(local['room']).toEqual(base['room']);
  expect(local['agents']).toEqual(base['agents']);
});
