import { packets } from 'rtp.js';

export interface RtpFields {
  readonly payloadType: number;
  readonly payload: Uint8Array;
  readonly marker: boolean;
  /** 16 bits. */
  readonly sequence: number;
  /** Cut to 32 bits. */
  readonly timestamp: number;
  readonly ssrc: number;
}

/** Undefined for what is no RTP packet (RFC 3550 §5.1); never throws. */
export function parseRtp(datagram: Uint8Array): RtpFields | undefined {
  const { buffer, byteOffset, byteLength } = datagram;
  try {
    const packet = new packets.RtpPacket(new DataView(buffer, byteOffset, byteLength));
    const view = packet.getPayload();
    return {
      payloadType: packet.getPayloadType(),
      payload: new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
      marker: packet.getMarker(),
      sequence: packet.getSequenceNumber(),
      timestamp: packet.getTimestamp(),
      ssrc: packet.getSsrc(),
    };
  } catch {
    return undefined;
  }
}

export function formatRtp(fields: RtpFields): Uint8Array {
  const { buffer: bytes, byteOffset: at, byteLength: length } = fields.payload;
  const packet = new packets.RtpPacket();
  packet.setPayloadType(fields.payloadType);
  packet.setMarker(fields.marker);
  packet.setSequenceNumber(fields.sequence);
  packet.setTimestamp(fields.timestamp >>> 0);
  packet.setSsrc(fields.ssrc);
  packet.setPayload(new DataView(bytes, at, length));
  packet.serialize();
  const { buffer, byteOffset, byteLength } = packet.getView();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
