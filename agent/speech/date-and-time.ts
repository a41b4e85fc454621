/** As a model is told it: "Thursday, 26 November 2026, 01:05 (Asia/Yekaterinburg, GMT+05:00)". */
export function dateAndTime(at: Date, timeZone: string): string {
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, ...options });
  const date = format({ dateStyle: 'full' }).format(at);
  const time = format({ timeStyle: 'short' }).format(at);
  const offset = format({ timeZoneName: 'longOffset' })
    .formatToParts(at)
    .find(({ type }) => type === 'timeZoneName');
  return `${date}, ${time} (${timeZone}, ${offset?.value ?? ''})`;
}
