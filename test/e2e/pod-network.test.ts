import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileSmallMachine } from '../bench/small-machine.ts';
import { whyNoBridge } from '../tools/namespace.ts';
import { openStreamClient } from '../tools/stream-client.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { FarBox, FarWorld } from './far-boxes.ts';
import { createFarWorld } from './far-boxes.ts';

// Where the kernel has no bridges, test/agent/network shows as much in a guest whose kernel has.
const reason = whyNoBridge();

describe.skipIf(reason !== undefined)(`machines on the pod network of a box ${reason ?? ''}`, () => {
  let far: FarWorld;
  let box: FarBox;
  const folder = () => join(far.world.agentDir('edge'), 'network');
  const dnsmasq = () => Number(readFileSync(join(folder(), 'dnsmasq.pid'), 'utf8'));

  /** As KubeVirt's own `bridge: {}` on the pod network. */
  const apply = async (name: string, network: object = { pod: {} }) => {
    const manifest = compileSmallMachine(name, 'edge', far.kernels);
    const text = JSON.stringify(manifest)
      .replace(/"masquerade":\{\},"ports":\[[^\]]*\]/, '"bridge":{}')
      .replace('"pod":{}', JSON.stringify(network).slice(1, -1));
    await far.world.apply(JSON.parse(text) as object);
  };
  const addressOf = async (name: string) =>
    waitFor(
      `the address of ${name}`,
      async () => {
        const { status } = await far.world.instance(name);
        return status?.interfaces?.[0]?.ipAddress;
      },
      90_000,
    );
  const on = (...words: string[]) => {
    const [command = '', ...args] = [...box.within, ...words];
    return execFileSync(command, args, { encoding: 'utf8' });
  };
  const bootAt = async (address: string) =>
    waitFor(`the guest at ${address}`, () => {
      const answer = JSON.parse(on('curl', '-s', '--max-time', '5', `http://${address}/`)) as {
        bootId: string;
      };
      return answer.bootId;
    });

  const bootThroughHub = async (name: string) => {
    const instance = `/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/${name}`;
    const stream = await openStreamClient(far.world.addresses()?.api ?? '', `${instance}/portforward/80`);
    stream.say('GET / HTTP/1.0\r\n\r\n');
    const [, bootId] = await stream.says(/"bootId":"([^"]+)"/);
    expect(await stream.closed).toEqual({ code: 1000, reason: '' });
    return bootId;
  };

  beforeAll(async () => {
    far = await createFarWorld(7);
    box = await far.addBox('edge');
  });
  afterAll(async () => {
    if (existsSync(join(folder(), 'dnsmasq.pid'))) process.kill(dnsmasq(), 'SIGKILL');
    await far.close();
  });

  test('have addresses that the hub shows and the box reaches, whatever becomes of the agent', async () => {
    await apply('till');
    await apply('camera');
    const [till, camera] = [await addressOf('till'), await addressOf('camera')];
    expect([till, camera]).toEqual([expect.stringMatching(/^10\.46\./), expect.stringMatching(/^10\.46\./)]);
    expect(till).not.toBe(camera);
    // Through the hub by the guest's own address, which only the box can reach.
    for (const [name, address] of [
      ['till', till],
      ['camera', camera],
    ] as const) {
      const boot = await bootAt(address);
      expect(await bootThroughHub(name)).toBe(boot);
    }

    const [process, server] = [await box.process('till'), dnsmasq()];
    await box.restartAgent();
    await waitFor('the machine to be known again', async () => (await box.localState('till')) === 'Running');
    expect([await box.process('till'), dnsmasq()]).toEqual([process, server]);
    await bootAt(till);

    // Its guest starts anew on another tap, with its address.
    await box.crash('till');
    await waitFor('another process', async () => (await box.process('till')) !== process, 90_000);
    await bootAt(till);

    const taps = () => on('ip', '-o', 'link', 'show', 'type', 'tun').match(/: hf[a-z2-7]{13}:/g)?.length;
    expect(taps()).toBe(2);
    await far.world.kubectl('delete', 'vm', 'camera', '--wait=false');
    await waitFor('its tap and address to be given up', () => {
      const held = readFileSync(join(folder(), 'hosts'), 'utf8');
      return taps() === 1 && held.includes(`${till},`) && !held.includes(`${camera},`);
    });
  }, 300_000);

  test('are refused while the box lacks the bridge that their network names, and run once it is there', async () => {
    const config = JSON.stringify({ cniVersion: '0.3.1', name: 'shelf', type: 'bridge', bridge: 'shelf0' });
    await far.world.apply({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'shelf', namespace: 'default' },
      spec: { config },
    });
    await apply('scales', { multus: { networkName: 'shelf' } });
    await waitFor('the reason at the hub', async () => {
      const said = JSON.stringify(await far.world.machine('scales'));
      return said.includes('the box has no bridge shelf0: make it (ip link add shelf0 type bridge)');
    });
    expect(await box.localState('scales')).toBe('Refused');
    on('ip', 'link', 'add', 'shelf0', 'up', 'type', 'bridge');
    await far.world.untilStatus('scales', 'Running');
    expect(on('ip', '-o', 'link', 'show', 'master', 'shelf0').trim().split('\n')).toHaveLength(1);
  }, 300_000);

  test('get further cards while they run, on the pod network and on a bridge of the box, and let go of them', async () => {
    const { metadata, spec } = await far.world.machine('scales');
    const plug = async (...networks: { name: string; pod?: object; multus?: object }[]) => {
      const template = structuredClone(spec.template);
      template.spec.domain.devices.interfaces?.push(...networks.map(({ name }) => ({ name, bridge: {} })));
      const all = [...(template.spec.networks ?? []), ...networks];
      const { name, namespace } = metadata;
      await far.world.apply({
        apiVersion: 'kubevirt.io/v1',
        kind: 'VirtualMachine',
        metadata: { name, namespace },
        spec: { ...spec, template: { ...template, spec: { ...template.spec, networks: all } } },
      });
    };
    const status = async () => (await far.world.instance('scales')).status;
    /** What the guest calls its cards, by their names in the manifest. */
    const seen = async () =>
      Object.fromEntries(
        ((await status())?.interfaces ?? []).map(({ name, interfaceName }) => [name, interfaceName]),
      );
    const ports = (bridge: string) =>
      on('ip', '-o', 'link', 'show', 'master', bridge).match(/: hf[a-z2-7]{13}:/g)?.length ?? 0;
    const process = await box.process('scales');
    const onPod = ports('holdfast0');

    await plug({ name: 'lan', pod: {} }, { name: 'more', multus: { networkName: 'shelf' } });
    await waitFor('the guest to see them', async () => {
      const { lan, more } = await seen();
      return lan !== undefined && more !== undefined;
    });
    expect(new Set(Object.values(await seen())).size).toBe(3);
    expect([ports('holdfast0'), ports('shelf0')]).toEqual([onPod + 1, 2]);

    await plug();
    await waitFor('their taps to be gone', () => ports('holdfast0') === onPod && ports('shelf0') === 1);
    await waitFor('their end', async () => Object.keys(await seen()).length === 1);
    expect(await box.process('scales')).toBe(process);
    expect((await status())?.conditions?.map(({ type }) => type)).not.toContain('RestartRequired');
  }, 300_000);
});
