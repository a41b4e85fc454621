/**
 * Kills the call service in the middle of its work, again and again, and looks at what is left:
 * every event that it acknowledged is there, no record is half of one, the database is sound.
 *
 *     node bench/kill-points.ts [--points 200] [--database sqlite|postgres|both] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { hasPostgres } from '../ledger/fixtures/postgres-server.ts';
import { killPoints } from '../test/harness/kill-points.ts';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '200' },
    database: { type: 'string', default: 'both' },
    seed: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const wanted = values.database === 'both' ? ['sqlite', 'postgres'] : [values.database];
for (const database of wanted) {
  if (database !== 'sqlite' && database !== 'postgres') throw new Error(`what is ${database}?`);
  if (database === 'postgres' && !hasPostgres) {
    console.log('postgres: postgresql-15 is not installed');
    process.exitCode = 1;
    continue;
  }
  const startedAt = performance.now();
  const found = await killPoints({
    database,
    points: Number(values.points),
    seed,
    onPoint: (done) => {
      if (done % 20 === 0) console.log(`${database}: ${done} points`);
    },
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `${database}, seed ${seed}: killed ${found.points} times in ${seconds} s; ` +
      `${found.acknowledged} events acknowledged, ${found.lost.length} of them lost, ` +
      `${found.problems.length} problems`,
  );
  for (const problem of found.problems) console.log(`  ${problem}`);
  if (found.lost.length + found.problems.length > 0) process.exitCode = 1;
}
