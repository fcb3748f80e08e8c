import type { FieldChange } from '../../shared/base/diff-spec.ts';
import { applyChange, findChanges, formatPath } from '../../shared/base/diff-spec.ts';
import { isSameJson } from '../../shared/base/same-json.ts';
import type { DesiredMachine, UnmadeChanges } from '../../shared/model/machine.ts';
import { canBalloon } from '../machine/balloon.ts';
import type { Change } from '../machine/change.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { compileMachine, shapeOf } from '../machine/compile.ts';
import { cpuCount } from '../machine/cpu.ts';
import { canHotPlugDisk } from '../machine/disk.ts';
import type { CompiledInterface, WantedPort } from '../machine/interface.ts';
import { isExpress } from '../machine/interface-arguments.ts';
import { BLOCK_BYTES } from '../machine/memory.ts';
import type { PciPlaces } from '../machine/pci.ts';
import type { RunLimits } from '../machine/run-limits.ts';
import type { HostPort } from '../ports.ts';

/** A change to make while a machine runs. */
export interface LiveChange {
  readonly change: Change;
  /** The description that it runs by once that is made, and none of the others. */
  readonly running: DesiredMachine;
  /** The fields that it is about. */
  readonly fields: readonly string[];
}

/** What differs between a running machine and its description, and how it gets there. */
export interface ChangePlan {
  /** What changes while it runs, in the order in which it is best made; none needs another. */
  readonly live: readonly LiveChange[];
  /** The fields that change at the next start, each with why where that is not plain. */
  readonly restart: readonly string[];
  /** Where what runs is not yet as described. */
  readonly unmade: UnmadeChanges;
}

/** What is known of how a machine runs. */
export interface Running {
  readonly machine: CompiledMachine;
  readonly limits: RunLimits;
  /** Where its devices sit, with those that an agent was about to plug in when it ended. */
  readonly places: PciPlaces;
  /** Which cards have their cables out, and what is forwarded to them; undefined where that is not known. */
  readonly cards?: { readonly linksDown: readonly string[]; readonly ports: readonly HostPort[] };
  /** What the guest was last asked to have beside what it was started with; undefined where that is not known. */
  readonly addedBytes?: number;
  /** What its balloon was last asked to leave of what it was started with; undefined where it never was. */
  readonly balloonBytes?: number;
}

/** Changes that are made together. */
interface Group {
  readonly key: string;
  readonly fields: readonly FieldChange[];
}

interface Ready {
  readonly group: Group;
  readonly change: Change;
}

/** A change that can be made, or why it can't before a restart. */
type Verdict = { readonly change: Change } | { readonly why: string } | 'nothing';

/**
 * KubeVirt's rules: CPU sockets grow up to `maxSockets`, memory grows and shrinks between what the machine was started
 * with and `maxGuest`, volumes with `hotpluggable: true` and network cards come and go. As there, CPUs and memory wait
 * where something else needs a restart: the two would never have been described together. All else goes on.
 */
export function planChange(running: Running, wanted: CompiledMachine): ChangePlan {
  const { machine } = running;
  const fields = findChanges(machine.desired.spec, wanted.desired.spec);
  const groups = groupFields(fields);
  const live: Ready[] = [];
  const restart: string[] = [];
  const atRestart: FieldChange[] = [];
  for (const group of groups) {
    const verdict = judge(group, running, wanted);
    if (verdict === 'nothing') continue;
    if ('change' in verdict) live.push({ group, change: verdict.change });
    else {
      const matter = effective(group, machine, wanted);
      restart.push(...matter.map((field) => formatField(wanted, field, verdict.why)));
      atRestart.push(...matter);
    }
  }
  const waits = restart.length > 0 ? live.filter(({ group }) => isSize(group)) : [];
  const ready = live.filter((one) => !waits.includes(one));
  const inOrder = [...findLeftovers(running, wanted), ...ready].toSorted(
    (a, b) => rank(a.change) - rank(b.change),
  );
  const held = waits.flatMap(({ group }) => group.fields);
  const pathsOf = (changes: readonly FieldChange[]) => changes.map(({ path }) => [...path]);
  return {
    live: inOrder.map(({ group, change }) => ({
      change,
      running: describeAfter(machine, wanted, group),
      fields: group.fields.map((field) => formatField(wanted, field, '')),
    })),
    restart: [...restart, ...held.map((field) => formatField(wanted, field, ''))],
    unmade: {
      live: pathsOf(ready.flatMap(({ group }) => group.fields)),
      atRestart: pathsOf([...atRestart, ...held]),
    },
  };
}

/** What an agent did, or was about to, when it ended, and that is not wanted any more. */
function findLeftovers(running: Running, wanted: CompiledMachine): Ready[] {
  const { machine, limits, places, addedBytes, balloonBytes } = running;
  const group = { key: 'leftover', fields: [] };
  const isKnown = (name: string, lists: readonly (readonly { readonly name: string }[])[]) =>
    lists.some((list) => list.some((one) => one.name === name));
  const { memoryBytes: bytes } = machine;
  const isBallooned = balloonBytes === undefined || balloonBytes === Math.min(bytes, limits.memoryBytes);
  const isAsked = addedBytes === undefined || addedBytes === Math.max(0, bytes - limits.memoryBytes);
  const isBelow = bytes < limits.memoryBytes && !canBalloon(machine);
  const isOtherwise = (isAsked && isBallooned) || wanted.memoryBytes !== bytes || isBelow;
  const balloon = canBalloon(machine);
  const memory: Change = { kind: 'set-memory', bytes, maxBytes: limits.maxMemoryBytes, balloon };
  const devices = Object.keys(places).flatMap((id): Ready[] => {
    const [, sort, name = ''] = /^(disk|interface)-(.*)$/.exec(id) ?? [];
    if (sort === 'disk' && !isKnown(name, [machine.disks, wanted.disks]))
      return [{ group, change: { kind: 'unplug-disk', name } }];
    if (sort === 'interface' && !isKnown(name, [machine.interfaces, wanted.interfaces]))
      return [{ group, change: { kind: 'unplug-interface', name } }];
    return [];
  });
  const cards = machine.interfaces.filter((card) => !isConnected(running, card));
  const cables = cards.map((card): Ready => ({
    group,
    change: { kind: 'change-interface', interface: card },
  }));
  return [...devices, ...cables, ...(isOtherwise ? [] : [{ group, change: memory }])];
}

/** Whether a card's cable and what is forwarded to it are as noted: a start or a change of them may have been cut off. */
function isConnected({ cards }: Running, { name, up, ports }: CompiledInterface): boolean {
  if (cards === undefined) return true;
  const has = cards.ports.filter((port) => port.interface === name);
  const isForwarded = ({ port, protocol }: WantedPort) =>
    has.some((one) => one.port === port && one.protocol === protocol);
  return cards.linksDown.includes(name) !== up && has.length === ports.length && ports.every(isForwarded);
}

const NO_HOTPLUG = 'it was started with disableHotplug';
const TRANSITIONAL = 'with useVirtioTransitional nothing sits where it could come and go while it runs';

/** What frees a place goes first. */
const ORDER: readonly Change['kind'][] = [
  'note',
  'unplug-disk',
  'unplug-interface',
  'set-memory',
  'add-cpus',
  'plug-disk',
  'plug-interface',
  'change-interface',
  'change-medium',
];

function rank({ kind }: Change): number {
  return ORDER.indexOf(kind);
}

function isSize({ key }: Group): boolean {
  return key === 'cpu' || key === 'memory';
}

function groupFields(fields: readonly FieldChange[]): Group[] {
  const keyed = Map.groupBy(fields, ({ path }) => groupKey(path));
  return [...keyed].map(([key, members]) => ({ key, fields: members }));
}

function groupKey(path: readonly string[]): string {
  const text = path.join('.');
  if (text === 'domain.cpu.sockets' || /^domain\.resources\.\w+\.cpu$/.test(text)) return 'cpu';
  if (text === 'domain.memory.guest' || /^domain\.resources\.\w+\.memory$/.test(text)) return 'memory';
  const [, disk] = /^(?:domain\.devices\.disks|volumes)\.\[([^\]]*)\]/.exec(text) ?? [];
  if (disk !== undefined) return `disk ${disk}`;
  const [, card] = /^(?:domain\.devices\.interfaces|networks)\.\[([^\]]*)\]/.exec(text) ?? [];
  if (card !== undefined) return `interface ${card}`;
  return `field ${text}`;
}

function judge(group: Group, running: Running, wanted: CompiledMachine): Verdict {
  const [kind, name = ''] = group.key.split(' ');
  if (kind === 'cpu') return judgeCpu(running, wanted);
  if (kind === 'memory') return judgeMemory(running, wanted);
  if (kind === 'disk') return judgeDisk(running.machine, wanted, name, group);
  if (kind === 'interface') return judgeInterface(running.machine, wanted, name, group);
  return hasEffect(running.machine, wanted, group) ? { why: '' } : 'nothing';
}

function judgeCpu({ machine, limits }: Running, { cpu }: CompiledMachine): Verdict {
  const { sockets, cores, threads } = machine.cpu;
  if (cpu.sockets === sockets) return 'nothing';
  const most = Math.floor(limits.cpus / (cores * threads));
  if (cpu.sockets < sockets) return { why: 'fewer than it runs with' };
  if (cpu.sockets > most) return { why: `more than the ${most} it can have while it runs` };
  return { change: { kind: 'add-cpus', count: cpuCount({ sockets: cpu.sockets, cores, threads }) } };
}

function judgeMemory({ machine, limits }: Running, { memoryBytes: bytes }: CompiledMachine): Verdict {
  if (bytes === machine.memoryBytes) return 'nothing';
  const { memoryBytes: least, maxMemoryBytes: most } = limits;
  const balloon = canBalloon(machine);
  const change: Change = { kind: 'set-memory', bytes, maxBytes: most, balloon };
  if (bytes <= least && balloon) return { change };
  if (most === least) return { why: 'it was started without memory.maxGuest' };
  if (bytes < least) return { why: 'less than it was started with' };
  if (bytes > most) return { why: `more than the ${most / 2 ** 20}Mi it can have while it runs` };
  if ((bytes - least) % BLOCK_BYTES !== 0)
    return { why: 'not in steps of 2Mi from what it was started with' };
  return { change };
}

function judgeDisk(machine: CompiledMachine, wanted: CompiledMachine, name: string, group: Group): Verdict {
  const before = machine.disks.find((disk) => disk.name === name);
  const after = wanted.disks.find((disk) => disk.name === name);
  if (before !== undefined && after !== undefined) {
    if (!hasEffect(machine, wanted, group)) return 'nothing';
    const isMedium = before.cdrom && isSameJson({ ...before, content: after.content }, after);
    if (isMedium && !machine.devices.hotplug) return { why: NO_HOTPLUG };
    return isMedium ? { change: { kind: 'change-medium', disk: after, machine: wanted } } : { why: '' };
  }
  const disk = before ?? after;
  if (disk === undefined) return 'nothing';
  if (!machine.devices.hotplug) return { why: NO_HOTPLUG };
  if (wanted.devices.transitional) return { why: TRANSITIONAL };
  if (!canHotPlugDisk(disk))
    return { why: 'only virtio and SCSI disks of volumes with hotpluggable: true come and go while it runs' };
  return {
    change:
      before === undefined ? { kind: 'plug-disk', disk, machine: wanted } : { kind: 'unplug-disk', name },
  };
}

function judgeInterface(
  machine: CompiledMachine,
  wanted: CompiledMachine,
  name: string,
  group: Group,
): Verdict {
  const before = machine.interfaces.find((card) => card.name === name);
  const after = wanted.interfaces.find((card) => card.name === name);
  if (before !== undefined && after !== undefined) {
    if (!hasEffect(machine, wanted, group)) return 'nothing';
    const { up, ports } = after;
    const isSame = isSameJson({ ...before, up, ports }, after);
    return isSame ? { change: { kind: 'change-interface', interface: after } } : { why: '' };
  }
  const card = before ?? after;
  if (card === undefined) return 'nothing';
  if (wanted.devices.transitional) return { why: TRANSITIONAL };
  if (!isExpress(card)) return { why: `${card.model} cards don't come and go while it runs` };
  return {
    change:
      before === undefined
        ? { kind: 'plug-interface', interface: card, machine: wanted }
        : { kind: 'unplug-interface', name },
  };
}

/** The fields of a group that matter by themselves; all where none does without the others. */
function effective(group: Group, machine: CompiledMachine, wanted: CompiledMachine): readonly FieldChange[] {
  const matter = group.fields.filter((field) => hasEffect(machine, wanted, { ...group, fields: [field] }));
  return matter.length > 0 ? matter : group.fields;
}

/** Whether a process started by the changed description would be another: a default that is written out is not. */
function hasEffect(machine: CompiledMachine, wanted: CompiledMachine, group: Group): boolean {
  try {
    const changed = compileMachine(describeAfter(machine, wanted, group));
    return !isSameJson(shapeOf(changed), shapeOf(machine));
  } catch {
    // It makes sense with other changes only.
    return true;
  }
}

/** What a machine runs by once a group of changes is made. */
function describeAfter(
  { desired }: CompiledMachine,
  wanted: CompiledMachine,
  { fields }: Group,
): DesiredMachine {
  const { dataVolumes, references, ...rest } = wanted.desired;
  const names = new Set(dataVolumes.map(({ metadata }) => metadata.name));
  const merged = mergeReferences(desired.references, references);
  return {
    ...rest,
    // What the running machine has stays known, also where it is no longer wanted.
    dataVolumes: [...dataVolumes, ...desired.dataVolumes.filter(({ metadata }) => !names.has(metadata.name))],
    ...(merged === undefined ? {} : { references: merged }),
    spec: fields.reduce<unknown>(applyChange, desired.spec) as DesiredMachine['spec'],
  };
}

function mergeReferences(
  before: DesiredMachine['references'],
  after: DesiredMachine['references'],
): DesiredMachine['references'] {
  if (before === undefined || after === undefined) return after ?? before;
  const kinds = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof typeof before)[];
  return Object.fromEntries(kinds.map((kind) => [kind, { ...before[kind], ...after[kind] }]));
}

function formatField({ desired }: CompiledMachine, field: FieldChange, why: string): string {
  const path = formatPath(desired.kind === 'VirtualMachine' ? 'spec.template.spec' : 'spec', field);
  return why === '' ? path : `${path} (${why})`;
}
