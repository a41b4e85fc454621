/**
 * Where one peer is reached: a UDP address through our socket, or a TCP connection. It is what
 * SIP.js calls a transport; transactions keep the one they began on.
 */
export interface Flow {
  readonly protocol: 'UDP' | 'TCP';
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Our own address as the peer reaches it: Via, Contact, SDP. */
  readonly localAddress: string;
  readonly localPort: number;
  /** False once a TCP connection is gone. */
  readonly isOpen: boolean;
  /** @throws when the socket or the connection is closed */
  send(message: string): Promise<void>;
}

/** Takes what arrives: never throws. */
export type Receive = (raw: Buffer, flow: Flow) => void;

/** Largest message taken, bytes; a call's INVITE has one or two thousand. */
export const MAX_MESSAGE_BYTES = 16_384;
