import { EffectError } from '../../shared/base/errors.ts';
import type { Networks } from '../../agent/networks-port.ts';

/** A box without bridges: what is in user-mode networks needs none. */
export function createNoNetworks(): Networks {
  return {
    async connect(_machine, cards) {
      const bridged = cards.find(({ network }) => network.kind !== 'user');
      if (bridged === undefined) return new Map();
      throw new EffectError('NetworkRefused', bridged.name, 'this box has no bridges');
    },
    connected: async () => [],
    disconnect: async () => {},
    forget: async () => {},
    attend: async () => {},
    addresses: async () => new Map(),
  };
}
