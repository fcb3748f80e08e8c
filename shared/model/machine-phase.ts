import type { MachineState } from './machine.ts';
import type { InstancePhase } from './virtual-machine-instance.ts';

/** KubeVirt's phase of the run that a machine in `state` is in; undefined where there is no run. */
export function phaseOf(state: MachineState): InstancePhase | undefined {
  switch (state) {
    case 'Provisioning':
    case 'Refused':
      return 'Pending';
    case 'Starting':
      return 'Scheduled';
    case 'Running':
    case 'Paused':
    case 'Stopping':
    case 'Removing':
      return 'Running';
    case 'Succeeded':
      return 'Succeeded';
    case 'Failed':
    case 'BackOff':
      return 'Failed';
    case 'Unknown':
      return 'Unknown';
    case 'Stopped':
    case 'Removed':
      return undefined;
  }
}
