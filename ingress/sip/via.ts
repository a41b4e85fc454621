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

const VIA =
  /^SIP\s*\/\s*2\.0\s*\/\s*([\w.!%*+`'~-]+)\s+(\[[0-9a-f:.]+\]|[\w.-]+)\s*(?::\s*(\d{1,5}))?\s*(;.*)?$/i;

export function parseVia(value: string): Via | undefined {
  const match = VIA.exec(value);
  if (!match) return undefined;
  const [, transport = '', host = '', port, parameters = ''] = match;
  return {
    transport: transport.toUpperCase(),
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? undefined : Number(port),
    branch: /;\s*branch\s*=\s*([^;\s]+)/i.exec(parameters)?.[1],
  };
}

/**
 * The top Via with where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4), and without
 * the white space that SIP.js does not read.
 */
export function markReceived(value: string, address: string, port: number): string {
  const via = parseVia(value);
  if (!via) return value;
  const parameters = value
    .split(';')
    .slice(1)
    .map((parameter) => parameter.replace(/\s*=\s*/, '=').trim())
    .filter((parameter) => parameter !== '' && !/^received=/i.test(parameter));
  const asked = parameters.some((parameter) => /^rport(=|$)/i.test(parameter));
  const marked = parameters.map((parameter) =>
    /^rport(=|$)/i.test(parameter) ? `rport=${port}` : parameter,
  );
  if (asked || via.host !== address) marked.push(`received=${address}`);
  const host = via.host.includes(':') ? `[${via.host}]` : via.host;
  const sentBy = via.port === undefined ? host : `${host}:${via.port}`;
  return [`SIP/2.0/${via.transport} ${sentBy}`, ...marked].join(';');
}
