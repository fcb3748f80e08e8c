import { afterEach, expect, test } from 'vitest';
import { formatMetrics } from '../../../shared/base/exposition.ts';
import { compileMachineMetrics } from '../../../agent/metrics/machine-metrics.ts';
import { serveMetrics } from '../../../agent/metrics/server.ts';
import type { MachineFigures } from '../../../agent/figures-port.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';

const TRAFFIC = { bytes: 10, packets: 2, errors: 0, dropped: 1 };
const FIGURES: MachineFigures = {
  uid: '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b',
  namespace: 'shop',
  name: 'pos',
  runState: 'running',
  memory: { guestBytes: 1024, residentBytes: 4096 },
  cpu: { userSeconds: 1.5, systemSeconds: 0.5 },
  vcpus: [{ id: 0, seconds: 1.25, waitSeconds: 0.25 }],
  disks: [
    {
      name: 'root',
      readBytes: 1,
      writtenBytes: 2,
      reads: 3,
      writes: 4,
      flushes: 5,
      readSeconds: 6,
      writeSeconds: 7,
      flushSeconds: 8,
    },
  ],
  interfaces: [{ name: 'lan', received: TRAFFIC, transmitted: { ...TRAFFIC, bytes: 20 } }],
};

const format = (...machines: MachineFigures[]) => formatMetrics(compileMachineMetrics('edge-1', machines));
const SUBJECT = 'node="edge-1",namespace="shop",name="pos"';

test("a machine's figures go by KubeVirt's names and labels", () => {
  const text = format(FIGURES);
  for (const line of [
    `kubevirt_vmi_memory_domain_bytes{${SUBJECT}} 1024`,
    `kubevirt_vmi_memory_resident_bytes{${SUBJECT}} 4096`,
    `kubevirt_vmi_cpu_usage_seconds_total{${SUBJECT}} 2`,
    `kubevirt_vmi_vcpu_seconds_total{${SUBJECT},id="0",state="running"} 1.25`,
    `kubevirt_vmi_storage_read_traffic_bytes_total{${SUBJECT},drive="root"} 1`,
    `kubevirt_vmi_storage_iops_write_total{${SUBJECT},drive="root"} 4`,
    `kubevirt_vmi_network_receive_bytes_total{${SUBJECT},interface="lan"} 10`,
    `kubevirt_vmi_network_transmit_bytes_total{${SUBJECT},interface="lan"} 20`,
  ])
    expect(text.split('\n')).toContain(line);
});

test('each metric says once what it is, and what no machine has is left out', () => {
  const text = format(FIGURES, { ...FIGURES, name: 'video' });
  expect(text.match(/^# TYPE kubevirt_vmi_cpu_usage_seconds_total counter$/gm)).toHaveLength(1);
  expect(text.match(/^kubevirt_vmi_cpu_usage_seconds_total\{/gm)).toHaveLength(2);
  expect(text).not.toContain('balloon');
  expect(text).not.toContain('guest_load');
  expect(format()).toBe('');
});

test('what a guest says of itself is quoted, whatever it says', () => {
  const guest = {
    agentVersion: '8',
    commands: [],
    os: { id: 'x"} 1\nfake_metric 2\\' },
    users: [],
    fileSystems: [],
    frozen: false,
  };
  const info = format({ ...FIGURES, guest })
    .split('\n')
    .find((line) => line.startsWith('kubevirt_vmi_info{'));
  expect(info).toContain(String.raw`os="x\"} 1\nfake_metric 2\\"`);
});

let close = async () => {};
afterEach(() => close());

test('an agent that can not listen says so and goes on', async () => {
  const log = createLogRecorder();
  const options = {
    listen: { host: '127.0.0.1', port: 0 },
    device: 'edge-1',
    measure: async () => [FIGURES],
    log,
  };
  const first = await serveMetrics(options);
  const port = Number(first.address?.split(':')[1]);
  const second = await serveMetrics({ ...options, listen: { host: '127.0.0.1', port } });
  close = async () => {
    await first.close();
    await second.close();
  };
  expect(second.address).toBeUndefined();
  const answer = await fetch(`http://${first.address}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  expect(await answer.text()).toContain('kubevirt_vmi_info{');
  expect((await fetch(`http://${first.address}/`)).status).toBe(404);
});
