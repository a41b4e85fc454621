import { readParameters, splitValue } from './header-value.ts';

/** The top Via of a message (RFC 3261 §20.42), as far as transactions and routing need it. */
export interface Via {
  /** `UDP`, `TCP`, … as the sender claims. */
  readonly transport: string;
  /** Without brackets. */
  readonly host: string;
  /** Undefined: the transport's default. */
  readonly port: number | undefined;
  readonly branch: string | undefined;
}

const SENT_BY =
  /^SIP ?\/ ?2\.0 ?\/ ?([\w.!%*+`'~-]+) (\[[0-9a-f:.]+\]|[\w.-]+) ?(?:: ?(\d{1,5}))?$/i;

export function parseVia(value: string): Via | undefined {
  const [sentBy = '', ...parts] = splitValue(value, ';') ?? [];
  const match = SENT_BY.exec(sentBy.replaceAll(/\s+/g, ' '));
  const parameters = readParameters(parts);
  if (!match || !parameters) return undefined;
  const [, transport = '', host = '', port] = match;
  return {
    transport: transport.toUpperCase(),
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? undefined : Number(port),
    branch: parameters.get('branch') || undefined,
  };
}

/**
 * The top Via with where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4); its other
 * parameters stay as they were sent.
 */
export function markReceived(value: string, address: string, port: number): string {
  const via = parseVia(value);
  if (!via) return value;
  const [, ...parts] = splitValue(value, ';') ?? [];
  const named = parts.map((part) => ({ part, name: part.split('=', 1)[0]?.trim().toLowerCase() }));
  const marked = named
    .filter(({ name }) => name !== 'received')
    .map(({ part, name }) => (name === 'rport' ? `rport=${port}` : part));
  const asked = named.some(({ name }) => name === 'rport');
  if (asked || via.host !== address) marked.push(`received=${address}`);
  const host = via.host.includes(':') ? `[${via.host}]` : via.host;
  const sentBy = via.port === undefined ? host : `${host}:${via.port}`;
  return [`SIP/2.0/${via.transport} ${sentBy}`, ...marked].join(';');
}
