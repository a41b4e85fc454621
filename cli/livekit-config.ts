import { stringify } from 'yaml';

/** What one livekit-server needs to run on loopback only. */
export interface LocalLivekit {
  /** Signalling, API and webhooks' origin. */
  readonly port: number;
  /** Media. */
  readonly rtcUdpPort: number;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly webhookUrls: readonly string[];
}

/**
 * livekit-server's configuration (YAML) for one machine: `base`, parsed from `livekit.yaml`, with
 * everything bound to loopback. Without `stun_servers` the server would hand out public ones.
 */
export function localLivekitYaml(base: Record<string, unknown>, local: LocalLivekit): string {
  const { redis: _cluster, turn: _turn, ...rest } = base;
  const rtc = base['rtc'] as Record<string, unknown> | undefined;
  const { port_range_start: _from, port_range_end: _to, ...rtcRest } = rtc ?? {};
  return stringify({
    ...rest,
    port: local.port,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      ...rtcRest,
      // ICE over TCP would listen on every interface, whatever bind_addresses says.
      tcp_port: 0,
      udp_port: local.rtcUdpPort,
      node_ip: '127.0.0.1',
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      ips: { includes: ['127.0.0.0/8'] },
      stun_servers: ['127.0.0.1:3478'],
    },
    keys: { [local.apiKey]: local.apiSecret },
    webhook: { api_key: local.apiKey, urls: local.webhookUrls },
  });
}
