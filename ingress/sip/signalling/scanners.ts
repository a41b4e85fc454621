/**
 * User-Agents of tools that look for open SIP servers: answering any of them, even with a refusal,
 * tells them that there is something here.
 */
const SCANNERS =
  /friendly-scanner|sipvicious|sipcli|sip-?scan|sundayddr|vaxsipuseragent|vaxasip|pplsip|iwar|siparmyknife|smap|gulp|eyebeam release 3006o|custom ?sip ?phone|sipptk/i;

export function isScanner(userAgent: string | undefined): boolean {
  return userAgent !== undefined && SCANNERS.test(userAgent);
}
