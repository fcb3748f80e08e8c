import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import { readMacs } from '../machine/mac.ts';
import type { ObservedMachine } from '../ports.ts';
import type { Networks } from '../networks-port.ts';
import { createNotes } from './notes.ts';

interface ConnectionsOptions {
  readonly networks: Networks;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes the taps of a machine away, where it does not run. */
  readonly disconnect: (uid: string) => Promise<void>;
}

/** How often it is looked whether what machines on bridges need still runs. */
const ATTEND_EVERY_MS = 10_000;

/** Keeps the taps of machines in step with their processes: what a run left, in this agent's life or before, goes. */
export function createConnections({ networks, clock, log, disconnect }: ConnectionsOptions) {
  const note = createNotes(log, {});
  /** The addresses last seen, by MAC: one that the box has not heard for a while is a guest's all the same. */
  const seen = new Map<string, string>();
  let attendedAtMs = -Infinity;

  /** Beside the tick, which waits for none of it. */
  const attempt = (what: string, work: Promise<unknown>) => {
    work.then(
      () => note(what, undefined),
      (error: unknown) => note(what, messageOf(error)),
    );
  };

  const attend = () => {
    if (clock.monotonic() - attendedAtMs < ATTEND_EVERY_MS) return;
    attendedAtMs = clock.monotonic();
    attempt('see to the networks', networks.attend());
  };

  return {
    /** To be told of each observation of all machines; completes it with what the box knows of their addresses. */
    async settle(observed: readonly ObservedMachine[]): Promise<ObservedMachine[]> {
      try {
        const connected = await networks.connected();
        const over = new Set(observed.filter((one) => one.process === undefined).map(({ uid }) => uid));
        const known = new Set(observed.map(({ uid }) => uid));
        for (const uid of connected) {
          if (over.has(uid) || !known.has(uid)) attempt('disconnect a machine', disconnect(uid));
        }
        if (connected.length === 0) return [...observed];
        attend();
        for (const [mac, ip] of await networks.addresses()) seen.set(mac, ip);
        note('know the networks', undefined);
      } catch (error) {
        note('know the networks', messageOf(error));
      }
      return observed.map((machine) => {
        const macs = [...readMacs(machine.record?.command ?? []).values()];
        const leases = macs.flatMap((mac) => {
          const ip = seen.get(mac);
          return ip === undefined ? [] : [{ mac, ip }];
        });
        return machine.process === undefined || leases.length === 0 ? machine : { ...machine, leases };
      });
    },
  };
}
