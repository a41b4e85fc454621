/**
 * SIGTERM and Ctrl-C: what is under way is finished; a second time: at once.
 *
 * @returns does as a signal does
 */
export function onStop<Reason extends string>(
  finish: (reason: Reason | NodeJS.Signals) => Promise<void>,
  hurry: () => void = () => process.exit(1),
): (reason: Reason | NodeJS.Signals) => void {
  let isStopping = false;
  const stop = (reason: Reason | NodeJS.Signals) => {
    if (isStopping) return hurry();
    isStopping = true;
    void finish(reason);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return stop;
}
