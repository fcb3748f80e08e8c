import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CompiledMachine } from '../../agent/machine/compile.ts';
import type { Networks } from '../../agent/networks-port.ts';
import { createNamespace, whyNoNetwork } from '../tools/namespace.ts';
import type { Namespace } from '../tools/namespace.ts';
import { createNoNetworks } from '../tools/no-networks.ts';
import { waitFor } from '../tools/wait-for.ts';
import { endProcess } from '../tools/wire.ts';
import { UID, guestMachine, killMachine, listen, observeOne, requestOf, until } from './machines-world.ts';
import { useWorld } from './use-world.ts';

const TAP = `hft${process.pid}`;
const MAC = '02:00:00:00:00:77';
const ADDRESS = '192.168.77.5';
const world = useWorld();
let namespace: Namespace;

/** A tap for the one card, and no bridge: what is at its other end is the test's. */
function createTapNetworks(disconnected: string[]): Networks {
  return {
    ...createNoNetworks(),
    async connect(_machine, cards, user) {
      const [card] = cards;
      const queued = (card?.queues ?? 1) > 1 ? ['multi_queue'] : [];
      execFileSync('ip', ['tuntap', 'add', 'dev', TAP, 'mode', 'tap', 'user', String(user), ...queued]);
      return new Map([[card?.name ?? '', { device: TAP, mtu: 1400 }]]);
    },
    connected: async () => [UID],
    async disconnect(uid) {
      disconnected.push(uid);
    },
    addresses: async () => new Map([[MAC, ADDRESS]]),
  };
}

function onTap(machine: CompiledMachine): CompiledMachine {
  const card = {
    name: 'lan',
    mac: MAC,
    macGiven: true,
    model: 'virtio',
    up: false,
    ports: [],
    queues: 2,
  } as const;
  return {
    ...machine,
    cpu: { ...machine.cpu, sockets: 2 },
    interfaces: [{ ...card, network: { kind: 'bridge', bridge: 'site' } }],
  };
}

/** Opened by a user that may open nothing else, the tap is moved away from the box's own network. */
test.skipIf(whyNoNetwork() !== undefined)(
  'a guest on a tap has no network while its cable is out, and DHCP, queues and MTU once it is in',
  async () => {
    namespace = createNamespace(`hf-tap-${process.pid}`);
    const disconnected: string[] = [];
    chmodSync(world.root, 0o711);
    const machines = world.open('data', { user: 'nobody', networks: createTapNetworks(disconnected) });
    const script =
      '#!/bin/sh\nsay "mtu $(cat /sys/class/net/eth0/mtu) queues $(ls /sys/class/net/eth0/queues | grep -c tx)"\n';
    const plugged = onTap(guestMachine(UID, script));
    await machines.start(requestOf(plugged));
    expect((await observeOne(machines)).record?.linksDown).toEqual(['lan']);
    namespace.ip('link', 'set', 'lo', 'up');
    execFileSync('ip', ['link', 'set', TAP, 'netns', namespace.name]);
    namespace.ip('address', 'add', '192.168.77.1/24', 'dev', TAP);
    namespace.ip('link', 'set', TAP, 'up');
    const range = ['--dhcp-range=192.168.77.0,static', `--dhcp-host=${MAC},${ADDRESS}`];
    const place = [`--interface=${TAP}`, '--bind-dynamic', `--dhcp-leasefile=${join(world.root, 'leases')}`];
    const alone = ['--no-daemon', '--port=0', '--conf-file=/dev/null', '--user=root'];
    const [file = '', ...words] = [...namespace.within, 'dnsmasq', ...alone, ...place, ...range];
    const dnsmasq = spawn(file, words, { stdio: 'ignore' });
    try {
      const heard = listen(await machines.openConsole(UID));
      const says = async (pattern: RegExp) =>
        waitFor(`the console to say ${pattern}`, () => {
          if (pattern.test(heard.text())) return true;
          throw new Error(heard.text());
        });
      await says(/holdfast-guest: mtu 1400 queues 2\s/);
      await says(/holdfast-guest: ready/);
      expect(heard.text()).not.toContain('holdfast-guest: address');
      expect(readFileSync(`/proc/${(await observeOne(machines)).process?.pid}/status`, 'utf8')).not.toMatch(
        /^Uid:\t0/m,
      );
      const [card] = plugged.interfaces;
      if (card === undefined) throw new Error('no card');
      const change = { kind: 'change-interface', interface: { ...card, up: true } } as const;
      await machines.change(UID, { change, running: plugged.desired, images: new Map() });
      expect((await observeOne(machines)).record?.linksDown).toEqual([]);
      await says(new RegExp(`holdfast-guest: address ${ADDRESS}`));
      const [nsenter = '', ...into] = namespace.within;
      const page = execFileSync(nsenter, [...into, 'curl', '-s', '-m', '10', `http://${ADDRESS}/`]);
      expect(JSON.parse(page.toString())).toMatchObject({ instanceId: UID });
      const observed = await observeOne(machines);
      expect(observed.leases).toEqual([{ mac: MAC, ip: ADDRESS }]);
      expect(disconnected).toEqual([]);
      await killMachine(machines);
      await until('its tap is given up', async () => {
        await machines.observe();
        return disconnected.includes(UID);
      });
    } finally {
      await endProcess(dnsmasq);
      namespace.close();
    }
  },
);
