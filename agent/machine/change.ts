import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { ReadyImage } from '../images-port.ts';
import type { CompiledMachine } from './compile.ts';
import type { CompiledDisk } from './disk.ts';
import type { CompiledInterface } from './interface.ts';

/** One change of a running machine. Each may be made again where it was cut off: it says what is to be, not what to add. */
export type Change =
  /** As many CPUs are to be there: more than there are. */
  | { readonly kind: 'add-cpus'; readonly count: number }
  /** The guest is to have this much memory in all; with `balloon`, it can be less than at its start. */
  | {
      readonly kind: 'set-memory';
      readonly bytes: number;
      readonly maxBytes: number;
      readonly balloon: boolean;
    }
  /** `machine` is what has the disk. */
  | { readonly kind: 'plug-disk'; readonly disk: CompiledDisk; readonly machine: CompiledMachine }
  | { readonly kind: 'unplug-disk'; readonly name: string }
  | {
      readonly kind: 'plug-interface';
      readonly interface: CompiledInterface;
      readonly machine: CompiledMachine;
    }
  | { readonly kind: 'unplug-interface'; readonly name: string }
  /** Its cable is to be in or out, and its ports are to be forwarded. */
  | { readonly kind: 'change-interface'; readonly interface: CompiledInterface }
  /** Another medium in a CD-ROM drive, or none. */
  | { readonly kind: 'change-medium'; readonly disk: CompiledDisk; readonly machine: CompiledMachine }
  /** Nothing is to be done: what the process runs by is only written down. */
  | { readonly kind: 'note' };

export interface ChangeRequest {
  readonly change: Change;
  /** What the process runs by once it is made. */
  readonly running: DesiredMachine;
  /** Ready images by `sourceKey`. */
  readonly images: ReadonlyMap<string, ReadyImage>;
}

/** Memory that a guest was given since its start: what it has of it, and what it was asked to have. */
export interface AddedMemory {
  readonly bytes: number;
  readonly requestedBytes: number;
}

/** What changes, for people. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'add-cpus':
      return `the guest is given ${change.count} CPUs`;
    case 'set-memory':
      return `the guest is given ${change.bytes / 2 ** 20} MiB of memory`;
    case 'plug-disk':
      return `disk ${change.disk.name} is plugged in`;
    case 'unplug-disk':
      return `disk ${change.name} is unplugged`;
    case 'plug-interface':
      return `interface ${change.interface.name} is plugged in`;
    case 'unplug-interface':
      return `interface ${change.name} is unplugged`;
    case 'change-interface':
      return describeInterface(change.interface);
    case 'change-medium':
      return `the medium in CD-ROM drive ${change.disk.name} is changed`;
    case 'note':
      return 'what the machine runs by is written down';
  }
}

function describeInterface({ name, up, ports }: CompiledInterface): string {
  const forwarded = ports.map(({ port, protocol }) => `${port}/${protocol}`);
  const forwards = forwarded.length === 0 ? '' : `, and the box forwards ${forwarded.join(', ')} to it`;
  return `the cable of interface ${name} is ${up ? 'in' : 'out'}${forwards}`;
}
