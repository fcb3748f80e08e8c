import type { CompiledMachine } from '../machine/compile.ts';
import { interfaceArguments, interfaceId, netdevId } from '../machine/interface-arguments.ts';
import type { CompiledInterface } from '../machine/interface.ts';
import type { RunRecord } from '../ports.ts';
import { setForwards } from './forwards.ts';
import type { PlugContext } from './hotplug.ts';
import { findPlaces, forgetDevice, isThere, unlessRefused, unplug, valuesOf } from './hotplug.ts';
import { runOptions } from './human.ts';
import type { Qmp } from './qmp.ts';

export async function plugInterface(
  context: PlugContext,
  card: CompiledInterface,
  machine: CompiledMachine,
): Promise<Partial<RunRecord>> {
  const { qmp, record } = context;
  const id = interfaceId(card.name);
  const { layout, places } = findPlaces(context, (wanted) => wanted.placeOnPort(id));
  // A card that is there without being noted can't be told from one of another network.
  if (await isThere(qmp, id)) await unplug(context, id);
  await dropNetdev(qmp, card.name);
  const ports = await context.choosePorts(card.name, card.ports);
  const { accelerator } = record;
  const taps = await context.connect(card, machine);
  const words = interfaceArguments([card], { accelerator, ports, taps, bootIndexes: new Map() }, layout);
  for (const netdev of valuesOf(words, '-netdev')) await runOptions(qmp, 'netdev_add', netdev);
  for (const device of valuesOf(words, '-device')) await runOptions(qmp, 'device_add', device);
  return {
    places,
    ports: [...record.ports, ...ports],
    command: [...record.command, ...words],
    linksDown: await setLink(context, card),
  };
}

/** Has a card's cable in or out, and its ports forwarded, as is wanted of it. */
export async function changeInterface(
  context: PlugContext,
  card: CompiledInterface,
): Promise<Partial<RunRecord>> {
  const linksDown = await setLink(context, card);
  return card.network.kind === 'user'
    ? { linksDown, ports: await setForwards(context, card) }
    : { linksDown };
}

/** Puts a card's cable in, or takes it out; the result is the cards whose cables are out then. */
async function setLink({ qmp, record }: PlugContext, { name, up }: CompiledInterface): Promise<string[]> {
  await qmp.execute('set_link', undefined, { name: interfaceId(name), up });
  return [...withoutLink(record, name), ...(up ? [] : [name])];
}

function withoutLink({ linksDown = [] }: RunRecord, card: string): string[] {
  return linksDown.filter((name) => name !== card);
}

export async function unplugInterface(context: PlugContext, name: string): Promise<Partial<RunRecord>> {
  await unplug(context, interfaceId(name));
  await dropNetdev(context.qmp, name);
  await context.disconnect(name);
  const ports = context.record.ports.filter((port) => port.interface !== name);
  return { ...forgetDevice(context, interfaceId(name)), ports, linksDown: withoutLink(context.record, name) };
}

async function dropNetdev(qmp: Qmp, name: string): Promise<void> {
  // One that is not there is what is wanted.
  await qmp.execute('netdev_del', undefined, { id: netdevId(name) }).catch(unlessRefused);
}
