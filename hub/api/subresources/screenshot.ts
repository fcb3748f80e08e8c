import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import type { Subresource } from './subresource.ts';
import { openStream } from './open-stream.ts';
import { findDisplay } from './streams.ts';

/** KubeVirt's picture of a machine's display, as a PNG. The pointer is not moved for it: `moveCursor` changes nothing. */
export const screenshot: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineInstanceKind,
  name: 'vnc/screenshot',
  verb: 'get',
  responseKind: virtualMachineInstanceKind.kind,
  async serve(context, target) {
    const machine = await findDisplay(context, target);
    const stream = await openStream(context, machine, { kind: 'screenshot' });
    stream.end();
    return { form: 'stream', contentType: 'image/png', stream };
  },
};
