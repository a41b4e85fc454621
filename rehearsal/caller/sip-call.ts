import { randomBytes } from 'node:crypto';
import { Grammar, LoggerFactory, Parser, URI, UserAgentCore } from 'sip.js/lib/core/index.js';
import { IncomingRequestMessage, IncomingResponseMessage } from 'sip.js/lib/core/index.js';
import type { Session } from 'sip.js/lib/core/index.js';
import { reachableHost } from '../../config/addresses.ts';
import { Digest } from './digest.ts';
import { openSipLink } from './sip-link.ts';

/** How long we wait for the answer to our BYE or CANCEL before leaving anyway, ms. */
const FAREWELL_MS = 2_000;
/** RFC 3261 §19.1.2 */
const DEFAULT_PORT = 5060;

export interface SipCallOptions {
  /** SIP URI, e.g. `sip:+10000000000@127.0.0.1:5060`. */
  readonly to: string;
  /** Caller's number, or a full SIP URI. */
  readonly from: string;
  readonly transport: 'udp' | 'tcp';
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** Whole header lines added to the INVITE, e.g. `CALLED_DID: 73433009243`. */
  readonly headers?: readonly string[] | undefined;
  /** Our offer, once our own address is known. */
  readonly offer: (localAddress: string) => string;
  readonly onSent?: () => void;
  readonly onRinging?: (code: number) => void;
  /** 200 OK came from that address; throw to refuse what it answers (we then hang up). */
  readonly onAnswered: (sdp: string, from: string) => void;
  /** The far end said BYE. */
  readonly onBye: () => void;
  /** The call will not be: final status, or 0 when the server was out of reach. */
  readonly onFailed: (code: number, reason: string) => void;
}

/** A call from our side. */
export interface SipCall {
  /** SIP Call-ID. */
  readonly id: string;
  /** BYE when answered, CANCEL before; resolves when the far end agreed or did not within 2 s. */
  hangUp(): Promise<void>;
  /** Closes the socket without a word, like a caller whose network vanished. */
  vanish(): void;
}

/** What was given as a SIP URI is none. */
export class BadUriError extends Error {
  readonly code = 'bad_uri';

  constructor(text: string) {
    super(`not a SIP URI: ${text}`);
    this.name = 'BadUriError';
  }
}

/** Throws {@link BadUriError}. */
function parseSipUri(text: string): URI {
  const uri: unknown = Grammar.URIParse(text);
  if (!(uri instanceof URI)) throw new BadUriError(text);
  return uri;
}

/** ECONNREFUSED is what a person sees first: the stack is not running. */
function describeUnreachable(error: NodeJS.ErrnoException, { host, port }: URI): string {
  return error.code === 'ECONNREFUSED'
    ? `nothing listens at ${host}:${port ?? DEFAULT_PORT}`
    : error.message;
}

/** Sends an INVITE by SIP.js's transaction and dialog layers (RFC 3261). */
export async function startSipCall(options: SipCallOptions): Promise<SipCall> {
  const target = parseSipUri(options.to);
  const isUri = options.from.startsWith('sip:');
  // Before anything is open that would have to be closed.
  const caller = parseSipUri(isUri ? options.from : `sip:${options.from}@localhost`);
  const loggerFactory = new LoggerFactory();
  loggerFactory.builtinEnabled = false;
  const logger = loggerFactory.getLogger('caller');
  let state: 'calling' | 'answered' | 'over' = 'calling';
  const farewell = Promise.withResolvers<void>();

  const fail = (code: number, reason: string): void => {
    farewell.resolve();
    if (state !== 'calling') return;
    state = 'over';
    options.onFailed(code, reason);
  };

  const unreachable = (error: Error): never => {
    throw new Error(describeUnreachable(error, target), { cause: error });
  };
  const link = await openSipLink({
    transport: options.transport,
    host: target.host.replace(/^\[(.*)\]$/, '$1'),
    port: target.port ?? DEFAULT_PORT,
    onMessage(text) {
      const message = Parser.parseMessage(text, logger);
      if (message instanceof IncomingRequestMessage) {
        core.receiveIncomingRequestFromTransport(message);
      } else if (message instanceof IncomingResponseMessage) {
        core.receiveIncomingResponseFromTransport(message);
      }
    },
    onError: (error) => fail(0, describeUnreachable(error, target)),
  }).catch(unreachable);

  const host = reachableHost(link.local.address);
  const hostPort = `${host}:${link.local.port}`;
  const via = options.transport === 'tcp' ? ';transport=tcp' : '';
  const contact = `sip:${caller.user ?? 'caller'}@${hostPort}${via}`;
  const from = isUri
    ? caller
    : parseSipUri(`sip:${options.from}@${options.credentials ? target.host : host}`);
  const core: UserAgentCore = new UserAgentCore({
    aor: from,
    contact: {
      pubGruu: undefined,
      tempGruu: undefined,
      uri: parseSipUri(contact),
      toString: () => `<${contact}>`,
    },
    displayName: '',
    loggerFactory,
    hackViaTcp: false,
    routeSet: [],
    sipjsId: randomBytes(4).toString('hex'),
    supportedOptionTags: [],
    supportedOptionTagsResponse: [],
    userAgentHeaderFieldValue: 'trunkline-caller',
    viaForceRport: true,
    viaHost: hostPort,
    authenticationFactory: () =>
      options.credentials &&
      new Digest(loggerFactory, options.credentials.username, options.credentials.password),
    transportAccessor: () => link,
  });

  const offer = { contentDisposition: 'session', contentType: 'application/sdp' };
  const sdp = options.offer(link.local.address);
  const invite = core.makeOutgoingRequestMessage(
    'INVITE',
    target,
    from,
    target,
    {},
    [
      `Contact: <${contact}>`,
      'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO',
      ...(options.headers ?? []),
    ],
    { ...offer, content: sdp },
  );
  let session: Session | undefined;
  options.onSent?.();
  const request = core.invite(invite, {
    onProgress: ({ message }) => options.onRinging?.(message.statusCode ?? 180),
    onAccept(response) {
      response.ack();
      session = response.session;
      if (state === 'over') {
        // The 200 crossed our CANCEL (RFC 3261 §9.1): the call is up, so it takes a BYE.
        session.bye({ onAccept: () => farewell.resolve(), onReject: () => farewell.resolve() });
        return;
      }
      state = 'answered';
      session.delegate = {
        onBye(bye) {
          bye.accept();
          if (state !== 'answered') return;
          state = 'over';
          farewell.resolve();
          options.onBye();
        },
        onInvite: (reInvite) =>
          reInvite.accept({ statusCode: 200, body: { ...offer, content: sdp } }),
      };
      options.onAnswered(response.message.body, link.remoteAddress);
    },
    onReject: ({ message }) => fail(message.statusCode ?? 0, message.reasonPhrase ?? 'refused'),
    onRedirect: ({ message }) => fail(message.statusCode ?? 0, 'redirected'),
  });

  return {
    id: invite.callId,
    async hangUp() {
      if (state === 'answered' && session) {
        session.bye({ onAccept: () => farewell.resolve(), onReject: () => farewell.resolve() });
      } else if (state === 'calling') {
        request.cancel();
      }
      state = 'over';
      const timer = setTimeout(() => farewell.resolve(), FAREWELL_MS);
      await farewell.promise;
      clearTimeout(timer);
      core.dispose();
      link.close();
    },
    vanish() {
      state = 'over';
      farewell.resolve();
      core.dispose();
      link.close();
    },
  };
}
