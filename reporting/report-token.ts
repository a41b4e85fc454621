import { SignJWT, jwtVerify } from 'jose';

/**
 * Participants' join tokens are signed with the same secret; the audience keeps a caller's token
 * from being taken for a worker's.
 */
const AUDIENCE = 'trunkline/reports';
const LIFETIME_SECONDS = 60;
const CLOCK_TOLERANCE_SECONDS = 10;

export interface ReportTokenKey {
  /** LiveKit API key: the token's `iss`. */
  readonly apiKey: string;
  /** LiveKit API secret: HS256 key. */
  readonly apiSecret: string;
}

/** A Bearer token for `POST /internal/v1/reports`, good for a minute (RFC 7519). */
export async function signReportToken(key: ReportTokenKey, subject: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(key.apiKey)
    .setSubject(subject)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_SECONDS}s`)
    .sign(secretOf(key));
}

/** The token's subject; throws jose's error when the token is not ours or not good any more. */
export async function verifyReportToken(key: ReportTokenKey, token: string): Promise<string> {
  const { payload } = await jwtVerify(token, secretOf(key), {
    algorithms: ['HS256'],
    issuer: key.apiKey,
    audience: AUDIENCE,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  return payload.sub ?? '';
}

function secretOf({ apiSecret }: ReportTokenKey): Uint8Array {
  if (apiSecret === '') throw new Error('the LiveKit API secret is empty');
  return new TextEncoder().encode(apiSecret);
}
