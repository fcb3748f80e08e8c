import type { CommandEnvironment } from '../../../agent/machine/command.ts';
import { compileCommand } from '../../../agent/machine/command.ts';
import type { CompiledMachine } from '../../../agent/machine/compile.ts';
import { compileMachine } from '../../../agent/machine/compile.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';

export const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';

/** Members of a machine's spec, of its domain and of its devices. */
export interface Parts {
  readonly spec?: object;
  readonly domain?: object;
  readonly devices?: object;
}

/** A machine of 1 GiB without a network, but for what is given. */
export function compileParts({ spec, domain, devices }: Parts = {}): CompiledMachine {
  const ownDevices = { autoattachPodInterface: false, ...devices };
  return compileMachine(
    desiredMachine.parse({
      uid: UID,
      namespace: 'shop',
      name: 'pos',
      kind: 'VirtualMachine',
      generation: 1,
      runStrategy: 'Always',
      dataVolumes: [],
      spec: { ...spec, domain: { memory: { guest: '1Gi' }, ...domain, devices: ownDevices } },
    }),
  );
}

/** The same on arm64. */
export function compileArm64({ spec, ...parts }: Parts = {}): CompiledMachine {
  return compileParts({ ...parts, spec: { ...spec, architecture: 'arm64' } });
}

const ENVIRONMENT: CommandEnvironment = {
  accelerator: 'kvm',
  run: 3,
  nowMs: Date.UTC(2026, 2, 1, 8, 30),
  ports: [],
  taps: new Map(),
  bufferedDisks: new Set(),
  foundDisks: new Map(),
  places: {},
  hostDevices: [],
};

export function commandOf(
  machine: CompiledMachine,
  environment: Partial<CommandEnvironment> = {},
): readonly string[] {
  return compileCommand(machine, { ...ENVIRONMENT, ...environment }).words;
}

/** The values of one option. */
export function valuesOf(command: readonly string[], option: string): string[] {
  return command.flatMap((word, index) => (command[index - 1] === option ? [word] : []));
}

/** What `given` has that a machine without it does not, option by option. */
export function addedTo(plain: readonly string[], given: readonly string[]): string[] {
  const split = (command: readonly string[]) => command.join(' ').split(/ (?=-[a-z])/);
  const before = split(plain);
  return split(given).filter((option) => !before.includes(option));
}
