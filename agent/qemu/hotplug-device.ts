import { z } from 'zod';
import { sleep } from '../../shared/base/deadline.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { CompiledDisk } from '../machine/disk.ts';
import { diskArguments } from '../machine/disk.ts';
import type { CompiledInterface } from '../machine/interface.ts';
import { interfaceArguments, netdevOf } from '../machine/interface.ts';
import { parseOptions } from '../machine/options.ts';
import type { PciAddress, PciLayout, PciPlaces } from '../machine/pci.ts';
import { createPciLayout, readPciPlaces } from '../machine/pci.ts';
import type { HostPort, RunRecord } from '../ports.ts';
import type { DiskFiles } from './disks.ts';
import type { Qmp } from './qmp.ts';

/** What a change needs of the machine's run. */
export interface PlugContext {
  readonly qmp: Qmp;
  readonly record: RunRecord;
  readonly clock: Clock;
  /** Writes down where devices sit, before they do: whatever comes after knows which there may be. */
  readonly notePlaces: (places: PciPlaces) => void;
  readonly makeDisk: (disk: CompiledDisk, machine: CompiledMachine) => Promise<DiskFiles>;
  readonly choosePorts: (card: CompiledInterface) => Promise<HostPort[]>;
}

/** How long a guest may take to let go of a device, which it may also refuse. */
const LET_GO_MS = 10_000;
const LOOK_EVERY_MS = 50;
/** The block nodes that disks are made of: of a start, and of a change. */
const NODE = /^(disk\d+|added-.+)$/;

export async function plugDisk(
  context: PlugContext,
  disk: CompiledDisk,
  machine: CompiledMachine,
): Promise<Partial<RunRecord>> {
  const { qmp } = context;
  const id = `disk-${disk.name}`;
  const { layout, places, address } = placeOf(context, id);
  if (await isThere(qmp, id)) return { places };
  const { buffered } = await context.makeDisk(disk, machine);
  await dropUnusedNodes(qmp);
  const words = diskArguments([disk], buffered, layout, () => `added-${address.bus ?? ''}`);
  await addBackend(qmp, valueOf(words, '-blockdev'));
  await runHuman(qmp, 'device_add', valueOf(words, '-device'));
  return { places };
}

export async function unplugDisk(context: PlugContext, name: string): Promise<Partial<RunRecord>> {
  await unplug(context, `disk-${name}`);
  await dropUnusedNodes(context.qmp);
  return { places: without(context.record, `disk-${name}`) };
}

export async function plugInterface(
  context: PlugContext,
  card: CompiledInterface,
): Promise<Partial<RunRecord>> {
  const { qmp, record } = context;
  const id = `interface-${card.name}`;
  const { layout, places } = placeOf(context, id);
  const known = record.ports.filter((port) => port.interface === card.name);
  if (await isThere(qmp, id)) return { places };
  await dropNetdev(qmp, card.name);
  const ports = known.length > 0 ? known : await context.choosePorts(card);
  const words = interfaceArguments([card], ports, layout);
  await runHuman(qmp, 'netdev_add', valueOf(words, '-netdev'));
  await runHuman(qmp, 'device_add', valueOf(words, '-device'));
  return { places, ports: [...record.ports.filter((port) => !known.includes(port)), ...ports] };
}

export async function unplugInterface(context: PlugContext, name: string): Promise<Partial<RunRecord>> {
  await unplug(context, `interface-${name}`);
  await dropNetdev(context.qmp, name);
  const ports = context.record.ports.filter((port) => port.interface !== name);
  return { places: without(context.record, `interface-${name}`), ports };
}

/** Finds a device its place on a free root port, and has it noted. */
export function placeOf(
  { record, notePlaces }: PlugContext,
  id: string,
): { layout: PciLayout; address: PciAddress; places: PciPlaces } {
  const before = record.places ?? readPciPlaces(record.command);
  const layout = createPciLayout(before);
  const address = layout.placeOnPort(id);
  const exists = record.command.some((word) => word.startsWith(`pcie-root-port,id=${address.bus},`));
  if (address.bus === undefined || !exists) {
    const message = 'all the PCIe ports that the machine was started with are taken; a restart makes more';
    throw new EffectError('NoFreePort', id, message);
  }
  const places = { ...before, ...layout.places() };
  if (!Object.hasOwn(before, id)) notePlaces(places);
  return { layout, address, places };
}

function without({ places = {} }: RunRecord, id: string): PciPlaces {
  const { [id]: _, ...others } = places;
  return others;
}

/** Takes a device away, with the guest's leave; one that is not there is gone already. */
async function unplug({ qmp, clock }: PlugContext, id: string): Promise<void> {
  if (!(await isThere(qmp, id))) return;
  let refusal: unknown;
  // It may be refused because the guest was asked before and has not answered yet.
  await qmp.execute('device_del', { id }).catch((error: unknown) => (refusal = error));
  const askedAtMs = clock.monotonic();
  while (clock.monotonic() - askedAtMs < LET_GO_MS) {
    await sleep(clock, LOOK_EVERY_MS);
    if (!(await isThere(qmp, id))) return;
  }
  const message = `the guest has not let go of ${id} within ${LET_GO_MS / 1000} s: is it in use?`;
  throw new EffectError('GuestKeepsDevice', id, message, refusal);
}

const named = z.array(z.object({ name: z.string() }));

/** Whether there is a device of this id. */
export async function isThere(qmp: Qmp, id: string): Promise<boolean> {
  const devices = named.parse(await qmp.execute('qom-list', { path: '/machine/peripheral' }));
  return devices.some(({ name }) => name === id);
}

const nodes = z.array(z.object({ 'node-name': z.string().optional() }));
const drives = z.array(z.object({ inserted: z.object({ 'node-name': z.string().optional() }).optional() }));

/** Closes the files of disks that no device has: of one that was taken away, or of a change that was cut off. */
async function dropUnusedNodes(qmp: Qmp): Promise<void> {
  const inUse = drives.parse(await qmp.execute('query-block')).map(({ inserted }) => inserted?.['node-name']);
  const known = nodes.parse(await qmp.execute('query-named-block-nodes', { flat: true }));
  for (const { 'node-name': node } of known) {
    if (node === undefined || !NODE.test(node) || inUse.includes(node)) continue;
    await qmp.execute('blockdev-del', { 'node-name': node });
  }
}

async function dropNetdev(qmp: Qmp, name: string): Promise<void> {
  // One that is not there is what is wanted.
  await qmp.execute('netdev_del', { id: netdevOf(name) }).catch(unlessRefused);
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof EffectError) || error.code !== 'QmpRefused') throw error;
}

async function addBackend(qmp: Qmp, text: string): Promise<void> {
  const tree: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parseOptions(text))) {
    const steps = name.split('.');
    const last = steps.pop() ?? '';
    let place = tree;
    for (const step of steps) place = (place[step] ??= {}) as Record<string, unknown>;
    place[last] = value === 'on' ? true : value === 'off' ? false : value;
  }
  await qmp.execute('blockdev-add', tree);
}

/**
 * Has QEMU read options as it does those of its command line: then what is plugged in is the same that a start makes.
 * It says what is wrong, and otherwise nothing.
 */
export async function runHuman(qmp: Qmp, command: string, options: string): Promise<void> {
  const quoted = options.replaceAll(/["\\]/g, (character) => `\\${character}`);
  const said = z
    .string()
    .parse(await qmp.execute('human-monitor-command', { 'command-line': `${command} "${quoted}"` }));
  if (said.trim() === '') return;
  throw new EffectError(
    'QmpRefused',
    command,
    `QEMU refused ${command}: ${said.trim().replace(/^Error: /, '')}`,
  );
}

function valueOf(words: readonly string[], option: string): string {
  return words[words.indexOf(option) + 1] ?? '';
}
