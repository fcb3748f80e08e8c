import type { ControlledTransaction } from 'kysely';
import { sql } from 'kysely';
import type { Database, Schema } from './schema.ts';

/** How many transactions share a commit at most, so that the first of them does not wait for long. */
const MOST_TOGETHER = 64;

/** One transaction of a caller's. */
interface Member<T> {
  /** What it throws undoes its statements, and nothing of its neighbours'. */
  readonly work: (transaction: Database) => Promise<T>;
  /** Called when they are durable, before anybody learns of the outcome; it must not throw. */
  readonly committed: () => void;
}

/** A member in the queue. */
interface Waiting {
  /** Does its work; the result tells its caller of the outcome. @throws where the whole transaction is broken */
  readonly take: (transaction: Database) => Promise<() => void>;
  /** Tells its caller that nothing of it was committed. */
  readonly fail: (error: unknown) => void;
}

export interface SharedCommits {
  /** Resolves with what `work` does once that is committed. */
  run<T>(member: Member<T>): Promise<T>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

/**
 * Transactions one after another, of which those that wait at the same time share one commit: a disk takes as long to
 * make one of them durable as fifty. Each sees those before it, which are committed with it or not at all, and fails
 * alone. `turn` is awaited before each commit is begun, for others to come.
 */
export function createSharedCommits(database: Database, turn: () => Promise<void>): SharedCommits {
  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function runAll(): Promise<void> {
    while (waiting.length > 0) {
      await turn();
      await runTogether();
    }
    running = undefined;
  }

  async function runTogether(): Promise<void> {
    const taken: Waiting[] = [];
    const outcomes: (() => void)[] = [];
    let transaction: ControlledTransaction<Schema> | undefined;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        taken.push(next);
        transaction ??= await database.startTransaction().execute();
        outcomes.push(await next.take(transaction));
        if (taken.length === MOST_TOGETHER) break;
      }
      await transaction?.commit().execute();
    } catch (error) {
      // Where the disk is full or broken, SQLite has undone it itself.
      const undone = transaction?.rollback().execute();
      await undone?.catch(() => {});
      for (const { fail } of taken) fail(error);
      return;
    }
    for (const tell of outcomes) tell();
  }

  return {
    run({ work, committed }) {
      return new Promise((resolve, reject) => {
        waiting.push({
          async take(transaction) {
            await sql`savepoint member`.execute(transaction);
            try {
              const result = await work(transaction);
              await sql`release member`.execute(transaction);
              return () => {
                committed();
                resolve(result);
              };
            } catch (error) {
              await sql`rollback to member`.execute(transaction);
              await sql`release member`.execute(transaction);
              return () => reject(error);
            }
          },
          fail: reject,
        });
        running ??= runAll();
      });
    },

    async idle() {
      await running;
    },
  };
}
