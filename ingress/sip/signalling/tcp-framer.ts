const HEAD_END = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*$/im;

export type Frame =
  | { readonly kind: 'message'; readonly raw: Buffer }
  /** RFC 5626 §4.4.1: two CRLFs ask for one back. */
  | { readonly kind: 'ping' }
  /** The stream cannot be followed any further: answer, then close. */
  | { readonly kind: 'broken'; readonly raw: Buffer; readonly reason: 'no_length' | 'too_large' };

/** Cuts a TCP stream into SIP messages by Content-Length (RFC 3261 §18.3). */
export class TcpFramer {
  readonly #maxBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #broken = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun and is not whole; line ends are padding or a pong. */
  get isMidMessage(): boolean {
    return this.#buffer.some((byte) => byte !== 0x0d && byte !== 0x0a);
  }

  push(chunk: Buffer): Frame[] {
    if (this.#broken) return [];
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) {
      frames.push(frame);
      if (frame.kind === 'broken') {
        this.#broken = true;
        this.#buffer = Buffer.alloc(0);
        break;
      }
    }
    return frames;
  }

  #next(): Frame | undefined {
    if (this.#buffer.subarray(0, 4).equals(HEAD_END)) {
      this.#buffer = this.#buffer.subarray(4);
      return { kind: 'ping' };
    }
    // A lone CRLF is a pong or padding; a half of one waits for more.
    while (this.#buffer[0] === 0x0d && this.#buffer[1] === 0x0a && this.#buffer.length > 3) {
      if (this.#buffer[2] === 0x0d) break;
      this.#buffer = this.#buffer.subarray(2);
    }
    const headEnd = this.#buffer.indexOf(HEAD_END);
    if (headEnd === -1) return this.#tooLarge(this.#buffer.length);
    const head = this.#buffer.toString('latin1', 0, headEnd);
    const length = CONTENT_LENGTH.exec(head)?.[1];
    if (length === undefined) return { kind: 'broken', raw: this.#buffer, reason: 'no_length' };
    const end = headEnd + HEAD_END.length + Number(length);
    const tooLarge = this.#tooLarge(end);
    if (tooLarge) return tooLarge;
    if (this.#buffer.length < end) return undefined;
    const raw = this.#buffer.subarray(0, end);
    this.#buffer = this.#buffer.subarray(end);
    return { kind: 'message', raw };
  }

  #tooLarge(bytes: number): Frame | undefined {
    if (bytes <= this.#maxBytes) return undefined;
    return { kind: 'broken', raw: this.#buffer, reason: 'too_large' };
  }
}
