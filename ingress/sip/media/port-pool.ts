/**
 * The even UDP ports that calls take for RTP; the odd port after each is left to RTCP
 * (RFC 3550 §11). Handed out in turn, so that a port rests as long as it can before its next call
 * and late packets of the last one find nobody.
 */
export class PortPool {
  readonly #free: number[] = [];
  readonly #taken = new Set<number>();

  /** @param from - first port of the range. @param to - last port, inclusive. */
  constructor(from: number, to: number) {
    for (let port = from + (from % 2); port + 1 <= to; port += 2) this.#free.push(port);
    if (this.#free.length === 0) {
      throw new RangeError(`no even and odd pair of ports between ${from} and ${to}`);
    }
  }

  /** Pairs left. */
  get available(): number {
    return this.#free.length;
  }

  /** An even port, or undefined when all are taken. */
  take(): number | undefined {
    const port = this.#free.shift();
    if (port !== undefined) this.#taken.add(port);
    return port;
  }

  /** Takes a port back; one that was not taken, or given back already, is ignored. */
  give(port: number): void {
    if (this.#taken.delete(port)) this.#free.push(port);
  }
}
