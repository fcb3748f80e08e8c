import type { CompiledMachine } from './machine/compile.ts';
import { readRunLimits } from './machine/run-limits.ts';
import type { Running } from './plan/plan-change.ts';
import type { Wanted } from './plan/plan.ts';
import { readWanted } from './plan/read-wanted.ts';
import type { MachineRow, ObservedMachine } from './ports.ts';

/** What entries of the desired document say, each read once for as long as it is the same: each tick asks. */
export interface Readings {
  /** Undefined where nothing can be made of it. */
  wanted(desired: unknown): Wanted | undefined;
  /** What a machine's newest run was started and changed by; undefined where its record does not say. */
  running(machine: ObservedMachine | undefined): Running | undefined;
  /** All machines as they are wanted, and as they run. */
  machines(rows: readonly MachineRow[], observed: Iterable<ObservedMachine>): CompiledMachine[];
}

export function createReadings(): Readings {
  const known = new WeakMap<object, Wanted | undefined>();

  function wanted(desired: unknown): Wanted | undefined {
    if (typeof desired !== 'object' || desired === null) return undefined;
    if (!known.has(desired)) known.set(desired, readWanted(desired));
    return known.get(desired);
  }

  function running(machine: ObservedMachine | undefined): Running | undefined {
    const { record, process } = machine ?? {};
    const entry = record === undefined ? undefined : wanted(record.desired);
    if (record === undefined || entry?.kind !== 'machine') return undefined;
    const addedBytes = process?.addedMemory?.requestedBytes;
    return {
      machine: entry.compiled,
      limits: readRunLimits(record.command),
      places: record.places ?? {},
      ...(record.balloonBytes === undefined ? {} : { balloonBytes: record.balloonBytes }),
      cards: { linksDown: record.linksDown ?? [], ports: record.ports },
      ...(addedBytes === undefined ? {} : { addedBytes }),
    };
  }

  return {
    wanted,
    running,
    machines(rows, observed) {
      const asWanted = rows.map(({ desired }) => {
        const entry = wanted(desired);
        return entry?.kind === 'machine' ? entry.compiled : undefined;
      });
      const asRunning = [...observed].map((machine) =>
        machine.process === undefined ? undefined : running(machine)?.machine,
      );
      return [...asWanted, ...asRunning].filter((one) => one !== undefined);
    },
  };
}
