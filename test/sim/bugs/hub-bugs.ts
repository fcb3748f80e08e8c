import type { StreamRow, Store, Tables } from '../../../hub/ports.ts';
import { codeOf } from '../../../shared/base/errors.ts';
import type { AckMessage, HelloMessage, ReportMessage } from '../../../shared/protocol/messages.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import type { Bug } from './bug.ts';

/** Deliberate bugs of the hub. */
export const HUB_BUGS: readonly Bug[] = [
  {
    name: 'acknowledge-before-commit',
    prose: 'the hub acknowledges reports before it has stored them',
    create: () => ({
      broker: (broker) => ({
        ...broker,
        start: (receive) =>
          broker.start((device, channel, payload) => {
            if (channel === 'report') {
              const { epoch, reports } = read<ReportMessage>(payload);
              const sequence = reports.at(-1)?.sequence ?? 0;
              broker.publish(device, 'ack', encodeMessage({ kind: 'ack', epoch, sequence })).catch(() => {});
            }
            receive(device, channel, payload);
          }),
      }),
    }),
  },
  {
    name: 'forget-the-epoch',
    prose: 'the hub takes every store of a device for the same one',
    create() {
      const first = new Map<string, string>();
      const current = new Map<string, string>();
      return {
        broker: (broker) => ({
          ...broker,
          start: (receive) =>
            broker.start((device, channel, payload) => {
              if (channel === 'response') return receive(device, channel, payload);
              const message = read<HelloMessage>(payload);
              current.set(device, message.epoch);
              const epoch = first.get(device) ?? message.epoch;
              first.set(device, epoch);
              return receive(device, channel, encodeMessage({ ...message, epoch }));
            }),
          publish(device, channel, payload) {
            if (channel !== 'ack') return broker.publish(device, channel, payload);
            const epoch = current.get(device);
            return broker.publish(device, channel, encodeMessage({ ...read<AckMessage>(payload), epoch }));
          },
        }),
      };
    },
  },
  {
    name: 'report-twice',
    prose: 'the hub stores reports in one transaction, and how far they reach in the next',
    create() {
      const waiting = new Map<string, StreamRow>();
      const keyOf = ({ device, epoch }: StreamRow) => `${device} ${epoch}`;
      return {
        hubStore(store) {
          // Of a hub that is started anew, what an earlier one had not written is lost.
          waiting.clear();
          return changeTables(store, ({ streams, ...tables }) => ({
            ...tables,
            streams: {
              ...streams,
              async getMany(devices) {
                await streams.putMany(
                  [...waiting.values()].filter(({ device }) => !devices.includes(device)),
                );
                const rows = await streams.getMany(devices);
                const late = [...waiting.values()].filter(({ device }) => devices.includes(device));
                const lateKeys = new Set(late.map(keyOf));
                return [...rows.filter((row) => !lateKeys.has(keyOf(row))), ...late];
              },
              async putMany(rows) {
                for (const row of rows) waiting.set(keyOf(row), row);
              },
            },
          }));
        },
      };
    },
  },
  {
    name: 'acknowledge-beyond',
    prose: 'the hub acknowledges one report more than it has',
    create: () => ({
      broker: (broker) => ({
        ...broker,
        publish(device, channel, payload) {
          const message = channel === 'ack' ? read<AckMessage>(payload) : undefined;
          if (message?.kind !== 'ack' && message?.kind !== 'welcome')
            return broker.publish(device, channel, payload);
          return broker.publish(
            device,
            channel,
            encodeMessage({ ...message, sequence: message.sequence + 1 }),
          );
        },
      }),
    }),
  },
  {
    name: 'swallow-a-full-disk',
    prose: 'the hub goes on as if what a full disk did not take had been stored',
    create: () => ({
      hubStore: (store) => ({
        ...store,
        async transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T> {
          let result: { readonly value: T } | undefined;
          const trusting = async (tables: Tables) => {
            result = { value: await work(swallowFull(tables)) };
            return result.value;
          };
          return store.transaction(trusting).catch((error: unknown) => {
            if (codeOf(error) !== 'SQLITE_FULL' || result === undefined) throw error;
            return result.value;
          });
        },
      }),
    }),
  },
  {
    name: 'believe-an-old-will',
    prose: 'the hub believes any last will, of whichever connection it is',
    create: () => ({
      broker: (broker) => ({
        ...broker,
        start: (receive) =>
          broker.start((device, channel, payload) => {
            const text = channel === 'gone' ? { ...read<object>(payload), connection: 2 ** 40 } : undefined;
            receive(device, channel, text === undefined ? payload : encodeMessage(text));
          }),
      }),
    }),
  },
  {
    name: 'keep-low-numbers',
    prose: 'the hub pays no heed to a device that holds a higher generation than it ever made',
    create: () => ({
      broker: (broker) => ({
        ...broker,
        start: (receive) =>
          broker.start((device, channel, payload) => {
            const hello = channel === 'hello' ? read<HelloMessage>(payload) : undefined;
            const blind = hello && { ...hello, generation: 0, hash: '', acknowledged: 0 };
            receive(device, channel, blind === undefined ? payload : encodeMessage(blind));
          }),
      }),
    }),
  },
  {
    name: 'every-device',
    prose: 'the hub names each machine in the documents of all devices',
    create: () => ({
      hubStore: (store) =>
        changeTables(store, ({ machines, ...tables }) => ({
          ...tables,
          machines: { ...machines, list: () => machines.list() },
        })),
    }),
  },
];

function read<T>(payload: Uint8Array): T {
  return JSON.parse(Buffer.from(payload).toString('utf8')) as T;
}

function changeTables(store: Store, change: (tables: Tables) => Tables): Store {
  return { ...store, transaction: (work) => store.transaction((tables) => work(change(tables))) };
}

type Call = (...given: unknown[]) => Promise<unknown>;

function swallowFull(tables: Tables): Tables {
  const swallow = (call: Call): Call => {
    return (...given) =>
      call(...given).catch((error: unknown) => {
        if (codeOf(error) !== 'SQLITE_FULL') throw error;
      });
  };
  const each = <T>(members: object, change: (member: T) => unknown) =>
    Object.fromEntries(Object.entries(members).map(([name, member]) => [name, change(member as T)]));
  return each(tables, (table: object) => each(table, swallow)) as unknown as Tables;
}
