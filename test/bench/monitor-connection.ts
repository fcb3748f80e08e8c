import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** `SS_CONNECTED`, as `/proc/net/unix` writes it (its columns: Num RefCount Protocol Flags Type St Inode Path). */
const CONNECTED = '03';
const MONITOR_SOCKET = /(^|\/)qmp-\d+\.sock$/;

/** Whether somebody holds the monitor of the QEMU `pid`, which serves one client: its agent. */
export function isMonitorHeld(pid: number): boolean {
  const held = new Set(
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , , , state, , path = '']) => state === CONNECTED && MONITOR_SOCKET.test(path))
      .map(([, , , , , , inode]) => `socket:[${inode}]`),
  );
  const descriptors = `/proc/${pid}/fd`;
  return readdirSync(descriptors).some((entry) => {
    try {
      return held.has(readlinkSync(`${descriptors}/${entry}`));
    } catch {
      // It was closed meanwhile.
      return false;
    }
  });
}
