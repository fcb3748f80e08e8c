import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Happened, Machines } from '../../agent/ports.ts';
import { UID, guestMachine, killMachine, listen, observeOne, requestOf, until } from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** Firmware, TPM and devices as a real guest sees them, on real QEMU under TCG. */
const world = useWorld();

/** TPM2_ReadClock: a count of the resets that the TPM has kept is at byte 26 of its answer. */
const look = (run: number) => `#!/bin/sh
{
  echo "efi $([ -d /sys/firmware/efi ] && echo yes || echo no)"
  for device in /sys/bus/pci/devices/*; do echo "pci $(cat $device/vendor):$(cat $device/device)"; done
  exec 3<>/dev/tpm0
  printf '\\200\\001\\000\\000\\000\\012\\000\\000\\001\\201' >&3
  echo "resets $(dd bs=64 count=1 <&3 2>/dev/null | hexdump -v -e '1/1 "%02x"' | cut -c53-60)"
  echo "looked in run ${run}"
} >/dev/console
arm-watchdog
`;

/** All that can be had, with a TPM that is kept. */
const machine = (bootloader: object, run: number) =>
  guestMachine(UID, look(run), (domain) => ({
    ...domain,
    firmware: { ...domain.firmware, bootloader },
    devices: {
      ...domain.devices,
      rng: {},
      tpm: { persistent: true },
      watchdog: { name: 'dog', i6300esb: { action: 'poweroff' as const } },
      panicDevices: [{}],
      inputs: [{ name: 'tablet', type: 'tablet' as const }],
      sound: { name: 'sound' },
    },
  }));
const EFI = { efi: { secureBoot: false, persistent: true } };
const BIOS = { bios: { useSerial: true } };

/** UEFI takes TCG half a minute, and longer where the computer has much else to do. */
const BOOT_DEADLINE_MS = 150_000;

/** Starts a run, which its guest's watchdog ends, and returns what its guest saw and its firmware said. */
async function boot(machines: Machines, bootloader: object, run: number): Promise<string> {
  await machines.start(requestOf(machine(bootloader, run), run));
  const heard = listen(await machines.openConsole(UID));
  const said = `looked in run ${run}`;
  await until('the guest has looked', () => heard.text().includes(said), BOOT_DEADLINE_MS);
  await until(
    'its watchdog fired',
    async () => (await observeOne(machines)).process?.runState === 'watchdog',
  );
  await machines.quit(UID);
  await until('its end', async () => (await observeOne(machines)).process === undefined);
  await until('the TPM ended with it', () => !isTpmThere());
  // A console begins with what was said last, in the run before.
  return (
    heard
      .text()
      .split(`looked in run ${run - 1}`)
      .at(-1) ?? ''
  );
}

async function end(machines: Machines): Promise<void> {
  await killMachine(machines);
  await until('the TPM ended with it', () => !isTpmThere());
}

function isTpmThere(): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`swtpm\0`) &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(world.root)
      );
    } catch {
      return false;
    }
  });
}

const resetsIn = (text: string) => parseInt(/^resets ([0-9a-f]{8})/m.exec(text)?.[1] ?? '', 16);

test('what a guest finds, and what its TPM and firmware keep from run to run', async () => {
  const folder = join(world.root, 'data/machines', UID);
  const machines = world.open();
  const happened: Happened[] = [];
  machines.onHappening((_uid, one) => happened.push(one));
  const first = await boot(machines, EFI, 1);
  expect(happened).toContainEqual({ name: 'WATCHDOG', data: { action: 'pause' } });
  expect(first).toMatch(/^efi yes/m);
  // The watchdog, the USB controller and the sound card.
  for (const device of ['0x8086:0x25ab', '0x1b36:0x000d', '0x8086:0x293e'])
    expect(first).toContain(`pci ${device}`);
  const variables = join(folder, 'efi-variables.fd');
  const made = statSync(variables).ino;

  const second = await boot(machines, BIOS, 2);
  expect(second).toMatch(/SeaBIOS/);
  expect(second).toMatch(/^efi no/m);
  expect(resetsIn(second)).toBe(resetsIn(first) + 1);

  await machines.start(requestOf(machine(EFI, 3), 3));
  await end(machines);
  expect(statSync(variables).ino).toBe(made);
  expect(readFileSync(variables).equals(readFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd'))).toBe(false);

  // A TPM that is gone is not made anew.
  rmSync(join(folder, 'tpm'), { recursive: true });
  await expect(machines.start(requestOf(machine(BIOS, 4), 4))).rejects.toMatchObject({ code: 'TpmMissing' });
  expect(existsSync(join(folder, 'tpm'))).toBe(false);
}, 400_000);

test('a TPM that an earlier start left behind does not keep the next one from starting', async () => {
  const machines = world.open();
  await machines.start(requestOf(machine(BIOS, 1), 1));
  await end(machines);
  // As where QEMU ended before it came to its TPM: nobody ends that then, and it keeps the state locked.
  const state = `dir=${join(world.root, 'data/machines', UID, 'tpm')},mode=0600`;
  const control = `type=unixio,path=${join(world.root, 'stale.sock')}`;
  execFileSync('swtpm', [
    'socket',
    '--tpm2',
    '--tpmstate',
    state,
    '--ctrl',
    control,
    '--flags',
    'startup-clear',
    '--daemon',
  ]);
  expect(isTpmThere()).toBe(true);
  await machines.start(requestOf(machine(BIOS, 2), 2));
  expect((await observeOne(machines)).process?.runState).toBe('running');
  await end(machines);
});
