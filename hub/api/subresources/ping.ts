import { deviceKind } from '../../../shared/model/device.ts';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import { jsonReply } from '../answer.ts';
import type { Subresource } from './subresource.ts';
import { askDevice, findDevice } from './ask-device.ts';

const DEADLINE_MS = 10_000;

/** Whether a device answers, and how long the way there and back takes. */
export const ping: Subresource = {
  group: deviceKind.group,
  versions: deviceKind.versions,
  kind: deviceKind,
  name: 'ping',
  verb: 'get',
  responseKind: 'DevicePing',
  async serve(context, { name }) {
    const device = await context.store.transaction((tables) => findDevice(tables, name));
    const startMs = context.clock.monotonic();
    await askDevice(context, device, { verb: 'ping' }, { deadlineMs: DEADLINE_MS });
    const roundTripMilliseconds = Math.round(context.clock.monotonic() - startMs);
    const apiVersion = apiVersionOf(deviceKind);
    return jsonReply({ apiVersion, kind: 'DevicePing', metadata: { name }, roundTripMilliseconds });
  },
};
