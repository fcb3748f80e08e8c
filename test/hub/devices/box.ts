import { randomUUID } from 'node:crypto';
import type { DesiredMachine, MachineStatus, RemovedMachine } from '../../../shared/model/machine.ts';
import type { AckMessage, HelloMessage } from '../../../shared/protocol/messages.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { TestHub } from '../start-hub.ts';
import { hello } from '../start-hub.ts';

export type Box = ReturnType<typeof createBox>;
type Entry = DesiredMachine | RemovedMachine | { readonly uid: string };

/** A box as the hub hears it: it numbers what it reports, and each call resolves once the hub has answered. */
export function createBox(
  hub: TestHub,
  name: string,
  { epoch = randomUUID(), bootId = randomUUID(), hostname = name, connection = 0, next = 1 } = {},
) {
  const box = {
    epoch,
    bootId,
    connection,
    /** The number of its next report. */
    next,
    /** Everything that the hub said to it. */
    answers: (): AckMessage[] =>
      hub.sent
        .filter(({ device, channel }) => device === name && channel === 'ack')
        .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as AckMessage)
        .filter((answer) => answer.epoch === box.epoch),

    sent: () => ({ time: new Date(hub.clock.now()).toISOString(), monotonicMs: 0, bootId: box.bootId }),

    /** Connects, and says so. */
    async hello(change: Partial<HelloMessage> = {}): Promise<AckMessage> {
      box.connection += 1;
      const before = box.answers().length;
      const own = { epoch: box.epoch, connection: box.connection, next: box.next, sent: box.sent() };
      hub.say(name, 'hello', hello({ ...own, box: { hostname, addresses: ['10.0.0.1'] }, ...change }));
      return waitFor(`the answer to ${hostname}`, () => box.answers()[before], 10_000);
    },

    /** Says what it has to, and does not wait for an answer. */
    say(...bodies: readonly object[]): number {
      const reports = bodies.map((body) => ({
        sequence: box.next++,
        happenedAt: '2026-03-01T08:00:00Z',
        monotonicMs: 0,
        bootId: box.bootId,
        body,
      }));
      hub.say(name, 'report', { epoch: box.epoch, connection: box.connection, sent: box.sent(), reports });
      return box.next - 1;
    },

    async report(...bodies: readonly object[]): Promise<void> {
      const last = box.say(...bodies);
      await waitFor('the acknowledgement', () => box.acknowledged() >= last, 10_000);
    },

    acknowledged: () =>
      Math.max(0, ...box.answers().map((answer) => (answer.kind === 'ack' ? answer.sequence : 0))),

    /** Tells all that it holds, as an agent does that was asked to. */
    tell: (generation: number, ...machines: readonly { entry: Entry; status?: MachineStatus }[]) =>
      box.report(...machines.map((machine) => ({ kind: 'held', generation, ...machine })), {
        kind: 'told',
        generation,
        machines: machines.map(({ entry }) => entry.uid),
      }),

    gone: () => hub.say(name, 'gone', { epoch: box.epoch, connection: box.connection }),
  };
  return box;
}
