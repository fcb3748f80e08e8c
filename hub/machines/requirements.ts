import { quantityBytes } from '../../shared/base/quantity.ts';
import type { InstancetypeSpec } from '../../shared/model/instancetype.ts';
import type { PreferenceSpec } from '../../shared/model/preference.ts';
import { spreadOf, topologyOf } from '../../shared/model/preference.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import { findAt } from './expansion.ts';

/** What a preference asks a machine to have at least, as KubeVirt checks it; paths are those of the VirtualMachine. */
export function checkRequirements(
  spec: object,
  instancetype: InstancetypeSpec | undefined,
  { requirements, ...preference }: PreferenceSpec,
): FieldCause[] {
  const causes: FieldCause[] = [];
  const refuse = (field: string, message: string) =>
    causes.push({ field, reason: 'FieldValueInvalid', message });
  const { cpu, memory, architecture } = requirements ?? {};

  if (cpu !== undefined) {
    const { found, path } = instancetype === undefined ? countCpus(spec, preference) : givenBy(instancetype);
    if (found < cpu.guest) refuse(path, `has ${found} vCPUs, and the preference requires ${cpu.guest}`);
  }
  if (memory !== undefined) {
    const own = instancetype?.memory.guest ?? findAt(spec, 'domain.memory.guest');
    const given = typeof own === 'string' ? own : '0';
    const path = instancetype === undefined ? 'spec.template.spec.domain.memory.guest' : 'spec.instancetype';
    if (quantityBytes(given) < quantityBytes(memory.guest)) {
      refuse(path, `has ${given} of memory, and the preference requires ${memory.guest}`);
    }
  }
  const own = findAt(spec, 'architecture') ?? preference.preferredArchitecture;
  if (architecture !== undefined && own !== architecture) {
    const path = 'spec.template.spec.architecture';
    refuse(path, `must be ${architecture}: the preference requires it`);
  }
  return causes;
}

function givenBy({ cpu }: InstancetypeSpec) {
  return { found: cpu.guest, path: 'spec.instancetype' };
}

/** The vCPUs that count for a preference: those of the topology that it prefers. */
function countCpus(spec: object, preference: PreferenceSpec) {
  const counted = countedMembers(preference);
  const found = counted.reduce((product, member) => {
    const value = findAt(spec, `domain.cpu.${member}`);
    return product * (typeof value === 'number' ? value : counted.length === 1 ? 0 : 1);
  }, 1);
  const member = counted.length === 1 ? `.${counted.join()}` : '';
  return { found, path: `spec.template.spec.domain.cpu${member}` };
}

function countedMembers(preference: PreferenceSpec): readonly string[] {
  const topology = topologyOf(preference);
  if (topology === 'any') return ['sockets', 'cores', 'threads'];
  if (topology !== 'spread') return [topology];
  switch (spreadOf(preference).across) {
    case 'SocketsCores':
      return ['sockets', 'cores'];
    case 'CoresThreads':
      return ['cores', 'threads'];
    case 'SocketsCoresThreads':
      return ['sockets', 'cores', 'threads'];
  }
}
