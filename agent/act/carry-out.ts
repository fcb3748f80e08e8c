import type { Action } from '../plan/plan.ts';
import type { Machines } from '../ports.ts';
import type { Images } from '../images-port.ts';

/**
 * Carries out one action, and decides nothing.
 * @throws EffectError where the effect failed
 */
export async function carryOut(action: Action, machines: Machines, images: Images): Promise<void> {
  switch (action.kind) {
    case 'fetch-image':
      images.fetch(action.source);
      return;
    case 'start':
      return machines.start(action);
    case 'change':
      return machines.change(action.uid, action);
    case 'make-disk':
      return machines.makeDisk(action.uid, action.content, action.images);
    case 'power-button':
      return machines.powerButton(action.uid);
    case 'pause':
      return machines.pause(action.uid);
    case 'reset':
      return machines.reset(action.uid);
    case 'reboot-guest':
      return machines.rebootGuest(action.uid);
    case 'boot-again':
      await machines.reset(action.uid);
      return machines.resume(action.uid);
    case 'resume':
      return machines.resume(action.uid);
    case 'grow-disk':
      return machines.growDisk(action.uid, action.dataVolume, action.bytes);
    case 'give-credentials':
      return machines.giveCredentials(action.uid, action.credentials);
    case 'quit':
      return machines.quit(action.uid);
    case 'kill':
      return machines.kill(action.uid);
    case 'remove':
      return machines.remove(action.uid);
  }
}
