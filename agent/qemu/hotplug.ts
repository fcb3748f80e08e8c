import { z } from 'zod';
import { sleep } from '../../shared/base/deadline.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { CompiledDisk } from '../machine/disk.ts';
import type { CompiledInterface, WantedPort } from '../machine/interface.ts';
import type { PciLayout, PciPlaces } from '../machine/pci.ts';
import { createPciLayout, readPciPlaces } from '../machine/pci.ts';
import type { HostPort, RunRecord } from '../ports.ts';
import type { Tap } from '../networks-port.ts';
import type { DiskFiles } from './disks.ts';
import type { HoldLent } from './forwards.ts';
import type { Qmp } from './qmp.ts';

/** What a change needs of the machine's run. */
export interface PlugContext {
  readonly qmp: Qmp;
  readonly record: RunRecord;
  readonly clock: Clock;
  /** Writes down of the record what is about to be another: whatever comes after knows what there may be. */
  readonly note: (known: Partial<RunRecord>) => void;
  readonly makeDisk: (disk: CompiledDisk) => Promise<DiskFiles>;
  /** Ports of the box for those of a card, beside those that the machine has. */
  readonly choosePorts: (card: string, ports: readonly WantedPort[]) => Promise<readonly HostPort[]>;
  readonly connect: (card: CompiledInterface, machine: CompiledMachine) => Promise<ReadonlyMap<string, Tap>>;
  readonly disconnect: (card: string) => Promise<void>;
  readonly holdLent: HoldLent;
}

/** How long a guest may take to let go of a device or a medium, which it may also refuse. */
const LET_GO_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Finds places for what is plugged in, by `place`, on ports that the machine was started with, and has them noted. */
export function findPlaces(
  { record, note }: PlugContext,
  place: (layout: PciLayout) => void,
): { readonly layout: PciLayout; readonly places: PciPlaces } {
  const before = record.places ?? readPciPlaces(record.command);
  const layout = createPciLayout(before);
  place(layout);
  const found = layout.places();
  for (const [id, where] of Object.entries(found)) {
    const isPort = record.command.some((word) => word.startsWith(`pcie-root-port,id=${where},`));
    if (isPort || where.startsWith('unit') || Object.hasOwn(before, id)) continue;
    const message = 'all the PCIe ports that the machine was started with are taken; a restart makes more';
    throw new EffectError('NoFreePort', id, message);
  }
  const places = { ...before, ...found };
  if (Object.keys(found).some((id) => !Object.hasOwn(before, id))) note({ places });
  return { layout, places };
}

/** What is noted of a device once it is gone. */
export function forgetDevice({ record }: PlugContext, id: string): Pick<RunRecord, 'places' | 'command'> {
  const { [id]: _, ...places } = record.places ?? {};
  const words = [...record.command];
  const at = words.findIndex((word, index) => words[index - 1] === '-device' && word.includes(`,id=${id},`));
  // Its disk or network is the word before it, but for what was started by an agent of before.
  const backend = ['-blockdev', '-netdev'].includes(words[at - 3] ?? '');
  if (at > 0) words.splice(backend ? at - 3 : at - 1, backend ? 4 : 2);
  return { places, command: words };
}

const named = z.array(z.object({ name: z.string() }));

/** Whether there is a device of this id. */
export async function isThere(qmp: Qmp, id: string): Promise<boolean> {
  const devices = named.parse(await qmp.execute('qom-list', undefined, { path: '/machine/peripheral' }));
  return devices.some(({ name }) => name === id);
}

/** Takes a device away, with the guest's leave; one that is not there is gone already. */
export async function unplug(context: PlugContext, id: string): Promise<void> {
  const { qmp } = context;
  if (!(await isThere(qmp, id))) return;
  // It may be refused because the guest was asked before and has not answered yet.
  await qmp.execute('device_del', undefined, { id }).catch(unlessRefused);
  await awaitGuest(context, id, `the guest has not let go of ${id}: is it in use?`, async () => {
    return !(await isThere(qmp, id));
  });
}

/** @throws EffectError GuestKeepsDevice where `isDone` is not in time */
export async function awaitGuest(
  { clock }: PlugContext,
  subject: string,
  late: string,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const askedAtMs = clock.monotonic();
  while (clock.monotonic() - askedAtMs < LET_GO_MS) {
    if (await isDone()) return;
    await sleep(clock, LOOK_EVERY_MS);
  }
  throw new EffectError('GuestKeepsDevice', subject, late);
}

export function unlessRefused(error: unknown): void {
  if (!(error instanceof EffectError) || error.code !== 'QmpRefused') throw error;
}

/** The values of an option in a command's words. */
export function valuesOf(words: readonly string[], option: string): string[] {
  return words.filter((_, index) => words[index - 1] === option);
}
