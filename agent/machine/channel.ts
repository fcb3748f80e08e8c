import type { CompiledDevices } from './devices.ts';
import { CONSOLE_LOG, socketFiles } from './files.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** QEMU's name for the guest agent's end on our side. */
export const GUEST_AGENT_CHARDEV = 'guest-agent';

const LOG = { logfile: CONSOLE_LOG, logappend: true };

/** The ways into a run: its monitor, its serial console (what is said on it is kept in a file), its guest agent. */
export function channelArguments(run: number, console: CompiledDevices['console'], pci: PciLayout): string[] {
  const { qmp, serial, guestAgent } = socketFiles(run);
  const socket = { server: true, wait: false };
  return [
    '-chardev',
    formatOptions('socket', { id: 'qmp', path: qmp, ...socket }),
    '-mon',
    formatOptions(undefined, { chardev: 'qmp', mode: 'control' }),
    ...(console === 'none'
      ? ['-serial', 'none']
      : [
          '-chardev',
          formatOptions('socket', {
            id: 'serial',
            path: serial,
            ...socket,
            ...(console === 'logged' ? LOG : {}),
          }),
          '-serial',
          'chardev:serial',
        ]),
    '-device',
    formatOptions('virtio-serial-pci', { id: 'channel', ...pci.placeOnRoot('channel') }),
    '-chardev',
    formatOptions('socket', { id: GUEST_AGENT_CHARDEV, path: guestAgent, ...socket }),
    '-device',
    formatOptions('virtserialport', {
      bus: 'channel.0',
      chardev: GUEST_AGENT_CHARDEV,
      name: 'org.qemu.guest_agent.0',
    }),
  ];
}
