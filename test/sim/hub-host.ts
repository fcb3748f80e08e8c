import Database from 'better-sqlite3';
import type { ApiContext } from '../../hub/api/context.ts';
import { ensureNamespaces } from '../../hub/api/namespaces.ts';
import type { RawRequest, Serve } from '../../hub/api/serve.ts';
import { createServe } from '../../hub/api/serve.ts';
import type { Hub } from '../../hub/hub.ts';
import { createHub } from '../../hub/hub.ts';
import { createStoreIn } from '../../hub/store/store.ts';
import { messageOf } from '../../shared/base/errors.ts';
import { ADMIN } from '../../hub/auth/user.ts';
import { anyoneIsAdmin } from '../tools/admin.ts';
import type { Ground } from './ground.ts';
import type { Life } from './life.ts';
import { createLife } from './life.ts';
import { watchTables } from './seen-tables.ts';
import type { ClockHands } from './sim-clock.ts';
import { createSimClock } from './sim-clock.ts';
import type { SimDisk } from './sim-database.ts';
import { gateDatabase } from './sim-database.ts';
import { createSimLog } from './sim-log.ts';
import { createPendingFacts } from './witness.ts';

const RESTART_MS = [500, 20_000] as const;
/** For which the hub keeps what it was told; longer than any simulated world lasts. */
const RETENTION_MS = 365 * 24 * 3_600_000;

/** The hub's host: its database, and the hub that is now and then there, with a broker of its own or one apart. */
export interface HubHost {
  readonly hands: ClockHands;
  readonly storeDisk: SimDisk;
  /** What is committed, to be read by those who check it. */
  readonly database: () => Database.Database;
  life(): Life | undefined;
  /** Whether its API answers. */
  isServing(): boolean;
  start(): void;
  crash(steps: number): void;
  /** False where it is in the middle of something. */
  backUp(): boolean;
  /** Starts the hub anew on its newest backup; false where there is none. */
  restore(): boolean;
  loseDatabase(): void;
  /** Asks the API for something, should it be there. */
  ask(method: string, path: string, body?: object): void;
}

export function createHubHost(ground: Ground, brokerIsInside: boolean): HubHost {
  const { scheduler, network, witness, bugs } = ground;
  const random = ground.random.fork('hub');
  const hands: ClockHands = { skewMs: 0, drift: 0, bootedAtMs: 0 };
  const storeDisk: SimDisk = { roomWrites: Infinity, refused: () => ground.count('hub disk full') };
  const backups: Buffer[] = [];
  let database = new Database(':memory:');
  let now: { life: Life; hub?: Hub; serve?: Serve } | undefined;
  let cancelStart = () => {};

  function startLater(): void {
    now = undefined;
    if (brokerIsInside) network.stopBroker();
    cancelStart();
    const delayMs = random.between(...RESTART_MS);
    cancelStart = scheduler.at(scheduler.nowMs() + delayMs, 'hub starts', start);
  }

  function ended(): void {
    scheduler.note('hub', 'the hub crashed');
    startLater();
  }

  function start(): void {
    const life = createLife(scheduler, 'hub', ended);
    const mine: typeof now = { life };
    now = mine;
    run(life, mine).catch((error: unknown) => {
      if (life.isOver()) return;
      scheduler.note('hub', `the hub could not start: ${messageOf(error)}`);
      life.end();
      startLater();
    });
  }

  async function run(life: Life, mine: NonNullable<typeof now>): Promise<void> {
    const clock = createSimClock(scheduler, life, hands);
    const facts = createPendingFacts();
    const gated = gateDatabase(database, { life, disk: storeDisk, ...facts });
    const store = bugs.hubStore(
      watchTables(await createStoreIn(gated, 'hub', () => clock.turn()), facts, witness),
    );
    mine.hub = createHub(
      {
        version: '0.0.0',
        apiListen: { host: '127.0.0.1', port: 0 },
        eventRetentionMs: RETENTION_MS,
        timelineRetentionMs: RETENTION_MS,
      },
      {
        store,
        authenticate: anyoneIsAdmin,
        broker: bugs.broker(network.brokerOf(life)),
        serveApi(options) {
          const context: ApiContext = { ...options, schemas: ground.schemas };
          const serve = createServe(context);
          return {
            async listen() {
              await ensureNamespaces(context.store, context.clock, context.random);
              mine.serve = serve;
              return { address: 'api' };
            },
            close: async () => {},
          };
        },
        clock,
        random,
        log: createSimLog(scheduler, 'hub', ground.isShown),
      },
    );
    await mine.hub.start();
    if (brokerIsInside) network.startBroker();
  }

  function startOn(next: Database.Database): void {
    now?.life.end();
    database = next;
    startLater();
  }

  return {
    hands,
    storeDisk,
    database: () => database,
    life: () => now?.life,
    isServing: () => now?.serve !== undefined && !now.life.isOver(),
    start,
    crash(steps) {
      if (now === undefined) return;
      if (steps > 0) return now.life.crashAfter(steps);
      now.life.end();
      ended();
    },
    backUp() {
      if (database.inTransaction) return false;
      witness.hubBackedUp(backups.push(database.serialize()) - 1);
      return true;
    },
    restore() {
      const backup = backups.at(-1);
      if (backup === undefined) return false;
      witness.hubSetBack(backups.length - 1);
      startOn(new Database(backup));
      return true;
    },
    loseDatabase() {
      witness.hubSetBack(undefined);
      startOn(new Database(':memory:'));
    },
    ask(method, path, body) {
      const { life, serve } = now ?? {};
      if (life === undefined || serve === undefined || life.isOver()) return;
      const [pathname = '', search = ''] = path.split('?');
      const request: RawRequest = {
        method,
        user: ADMIN,
        pathname,
        query: new URLSearchParams(search),
        accept: 'application/json',
        contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
      };
      life.after(0, `api ${method}`, () => {
        serve(request).catch((error: unknown) => {
          if (!life.isOver()) scheduler.note('operator', `${method} ${path} refused: ${messageOf(error)}`);
        });
      });
    },
  };
}
