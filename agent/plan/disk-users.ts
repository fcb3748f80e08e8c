import type { CompiledMachine } from '../machine/compile.ts';

/** A machine that is wanted, or the description that one runs by. */
type User = Pick<CompiledMachine, 'namespace' | 'name' | 'uid' | 'disks'>;

/** The machines with disks in the folder of the entry `uid`, but for that one itself, as `namespace/name`. */
export function findUsers(uid: string, machines: readonly User[]): string[] {
  const users = machines.filter((machine) => machine.uid !== uid && machine.disks.some(usesFolder(uid)));
  return [...new Set(users.map(({ namespace, name }) => `${namespace}/${name}`))].toSorted();
}

function usesFolder(uid: string) {
  return ({ content }: CompiledMachine['disks'][number]): boolean => {
    const disk = content.from === 'layer' ? content.over : content;
    return disk.from === 'other' && disk.uid === uid;
  };
}
