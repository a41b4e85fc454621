import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';

/** Error body of Deepgram's API: `{"err_code", "err_msg", "request_id"}`. */
export interface DeepgramError {
  readonly err_code: string;
  readonly err_msg: string;
  readonly request_id: string;
}

const ERRORS: Record<number, readonly [code: string, message: string]> = {
  400: ['Bad Request', 'Bad Request'],
  401: ['INVALID_AUTH', 'Invalid credentials.'],
  402: [
    'ASR_PAYMENT_REQUIRED',
    'Project does not have enough credits for an ASR request and does not have an overage agreement.',
  ],
  403: ['INSUFFICIENT_PERMISSIONS', 'Project does not have access to the requested model.'],
  429: ['TOO_MANY_REQUESTS', 'Too many requests. Please try again later'],
  503: ['SERVICE_UNAVAILABLE', 'The service is temporarily unavailable.'],
};

export function deepgramError(status: number, requestId: string, message?: string): DeepgramError {
  const [code, text] = ERRORS[status] ?? ['INTERNAL_SERVER_ERROR', 'Internal Server Error'];
  return { err_code: code, err_msg: message ?? text, request_id: requestId };
}

/** What is wrong with a query or body, on one line. */
export function describeProblem(error: unknown): string | undefined {
  if (!(error instanceof z.ZodError)) return undefined;
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

/** Answers an upgrade request with an error, as Deepgram does: body and `dg-error` header. */
export function refuseUpgrade(socket: Duplex, status: number, error: DeepgramError): void {
  const body = JSON.stringify(error);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      `dg-request-id: ${error.request_id}`,
      // One line of ASCII: a header cannot hold more.
      `dg-error: ${error.err_msg.replaceAll(/[^\x20-\x7e]+/g, ' ').trim()}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
