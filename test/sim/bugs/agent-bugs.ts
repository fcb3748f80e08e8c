import type { Store } from '../../../agent/ports.ts';
import type { ReadyImage } from '../../../agent/images-port.ts';
import type { Bug } from './bug.ts';

/** Deliberate bugs of the agent. */
export const AGENT_BUGS: readonly Bug[] = [
  {
    name: 'delete-before-acknowledge',
    prose: 'the agent deletes reports when it sends them',
    create: () => ({
      agentStore: (store) => ({
        ...store,
        reportsAfter(sequence, maxBytes) {
          const reports = store.reportsAfter(sequence, maxBytes);
          store.acknowledge(reports.at(-1)?.sequence ?? 0);
          return reports;
        },
      }),
    }),
  },
  {
    name: 'older-generation',
    prose: 'the agent takes any desired document, however old',
    create() {
      let isTaking = false;
      return {
        link: (link) => ({
          connect: (options) =>
            link.connect({
              ...options,
              receive(channel, payload) {
                isTaking = channel === 'desired';
                options.receive(channel, payload);
                isTaking = false;
              },
            }),
        }),
        agentStore: (store) => ({
          ...store,
          desired: () => (isTaking ? undefined : store.desired()),
        }),
      };
    },
  },
  {
    name: 'start-without-adopting',
    prose: 'the agent starts machines without looking for those that an earlier agent left running',
    create: () => ({
      machines(machines, { disk }) {
        const own = new Set<string>();
        return {
          ...machines,
          async observe() {
            const observed = await machines.observe();
            return observed.map((each) => {
              const { process, ...rest } = each;
              return process === undefined || own.has(each.uid) ? each : rest;
            });
          },
          async start(request) {
            const { uid } = request.machine;
            const isForeign = !own.has(uid) && disk.find(uid)?.process !== undefined;
            own.add(uid);
            if (isForeign) disk.spawn(uid);
            else await machines.start(request);
          },
        };
      },
    }),
  },
  {
    name: 'stop-without-link',
    prose: 'the agent shuts its machines down when the link is lost',
    create: () => ({
      link: (link, { disk }) => ({
        connect: (options) =>
          link.connect({
            ...options,
            lost(reason) {
              for (const uid of disk.uids()) disk.pressPower(uid);
              options.lost(reason);
            },
          }),
      }),
    }),
  },
  {
    name: 'state-and-report-apart',
    prose: 'the agent stores a change first, and the report of it within a minute',
    create: () => ({
      agentStore(store, { life }) {
        const later = (write: () => void) => void life.after(60_000, 'a late report', () => tryWrite(write));
        return {
          ...store,
          putStatus: (...given) => later(() => store.putStatus(...given)),
          appendEvent: (...given) => later(() => store.appendEvent(...given)),
        };
      },
    }),
  },
  {
    name: 'remove-the-unnamed',
    prose: 'the agent removes machines that a desired document does not name',
    create: () => ({
      agentStore: (store) => ({
        ...store,
        saveDesired(generation, hash, text) {
          store.saveDesired(generation, hash, text);
          removeUnnamed(store, text);
        },
      }),
    }),
  },
  {
    name: 'never-time-out',
    prose: 'the agent waits for ever for the hub to answer, and for MQTT to notice that it is cut off',
    create: () => ({
      agentClock: (clock) => ({
        ...clock,
        after: (delayMs, run) => (delayMs === ANSWER_DEADLINE_MS ? () => {} : clock.after(delayMs, run)),
      }),
      link: (link) => ({
        async connect(options) {
          const connection = await link.connect({ ...options, lost: () => {} });
          return { ...connection, publish: (...given) => connection.publish(...given).catch(() => {}) };
        },
      }),
    }),
  },
  {
    name: 'disk-anew',
    prose: 'the agent makes the disks of a machine anew at each start',
    create: () => ({
      machines: (machines, { disk }) => ({
        ...machines,
        async start(request) {
          const machine = disk.machine(request.machine.uid);
          if (machine.process === undefined) {
            machine.disks.clear();
            machine.known.clear();
          }
          await machines.start({ ...request, images: new AnyImage() });
        },
      }),
    }),
  },
];

class AnyImage extends Map<string, ReadyImage> {
  override has(): boolean {
    return true;
  }
}

/** How long the agent's session waits for the hub. */
const ANSWER_DEADLINE_MS = 60_000;

function tryWrite(write: () => void): void {
  try {
    write();
  } catch {
    // As code that stores things apart would: nobody is left to tell.
  }
}

function removeUnnamed(store: Store, text: string): void {
  const { machines } = JSON.parse(text) as { machines: { uid: string }[] };
  for (const row of store.machines()) {
    if (machines.some(({ uid }) => uid === row.uid)) continue;
    const { uid, namespace, name, kind } = row.desired as Record<string, unknown>;
    store.putMachine({ ...row, desired: { uid, namespace, name, kind, removed: true } });
  }
}
