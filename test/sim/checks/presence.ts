import type { DeviceRow } from '../../../hub/ports.ts';
import type { AckMessage } from '../../../shared/protocol/messages.ts';
import type { World } from '../world.ts';
import type { Witness } from '../witness.ts';
import type { Accuse } from './violations.ts';

/** How long a device has been connected and welcomed before the hub has to have it so. */
const SETTLED_MS = 120_000;

export interface PresenceCheck extends Partial<Witness> {
  /** To be called now and then. */
  look(world: World): void;
}

/** That no device counts as gone while its connection is up, and the hub has welcomed it there. */
export function createPresenceCheck(accuse: Accuse, nowMs: () => number): PresenceCheck {
  const welcomed = new Map<string, number>();
  return {
    carried(device, channel, payload) {
      if (channel !== 'ack') return;
      const { kind } = JSON.parse(Buffer.from(payload).toString('utf8')) as AckMessage;
      if (kind === 'welcome') welcomed.set(device, nowMs());
    },
    hubSetBack() {
      welcomed.clear();
    },
    look({ hub, network, plan }) {
      if (!hub.isServing() || hub.database().inTransaction) return;
      const select = hub.database().prepare('SELECT session FROM devices WHERE name = ?').pluck();
      for (const device of plan.devices) {
        const sinceMs = network.connectedSinceMs(device);
        const welcomedMs = welcomed.get(device) ?? 0;
        if (sinceMs === undefined || welcomedMs < sinceMs || welcomedMs > nowMs() - SETTLED_MS) continue;
        const session = select.get(device) as string | undefined;
        if (session === undefined) continue;
        const { presence, presenceSinceMs } = JSON.parse(session) as DeviceRow;
        if (presence === 'disconnected')
          accuse(device, `counts as gone since ${new Date(presenceSinceMs).toISOString()}, and is connected`);
      }
    },
  };
}
