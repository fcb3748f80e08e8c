import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { compileKubeconfig } from '../../hub/api/kubeconfig.ts';
import { readTokenKey } from '../../hub/auth/token-key.ts';
import { createTokens } from '../../hub/auth/tokens.ts';
import { findServer } from '../../hub/operator/find-server.ts';
import type { TestApi } from './api/start-api.ts';
import { startApi } from './api/start-api.ts';
import { ANYONE } from '../tools/admin.ts';
import { runHoldfast } from '../tools/holdfast.ts';
import type { TimelineEntry } from '../../hub/ports.ts';

/** `holdfast timeline`, as a process of its own against a real API. */

const HOUR_MS = 3_600_000;
const NIGHT_MS = Date.parse('2026-03-01T02:00:00Z');

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  const entry = (ms: number, reason: string, message: string, more: Partial<TimelineEntry> = {}) => {
    const times = { happenedAtMs: ms, learnedAtMs: ms };
    return { device: 'shop-42', kind: 'event', type: 'Normal', reason, message, ...times, ...more } as const;
  };
  const machine = { uid: 'u', namespace: 'default', name: 'pos', kind: 'VirtualMachine' } as const;
  const later = { machine, learnedAtMs: NIGHT_MS + 8 * HOUR_MS };
  const entries = [
    entry(NIGHT_MS - HOUR_MS, 'Disconnected', 'the link was lost', { kind: 'link' }),
    entry(NIGHT_MS, 'Failed', 'the guest said \u001b[2J\nand died', { ...later, type: 'Warning' }),
    entry(NIGHT_MS + HOUR_MS, 'LocalOrder', 'stop was ordered', {
      ...later,
      deviceTimeMs: Date.parse('2023-01-01T00:00:00Z'),
    }),
    entry(NIGHT_MS + 8 * HOUR_MS, 'Connected', 'connected', { kind: 'link' }),
  ];
  await api.store.transaction(({ timeline }) => timeline.append(entries));
});
afterAll(() => api.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-operator-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const timeline = (...args: string[]) =>
  runHoldfast(['timeline', 'shop-42', '--kubeconfig', api.kubeconfigPath, ...args]);

describe('holdfast kubeconfig', () => {
  test('gives a user a token that the hub knows', async () => {
    const kubeconfig = (...args: string[]) => runHoldfast(['kubeconfig', '--data-dir', folder, ...args]);
    const early = await kubeconfig('--user', 'bob');
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('no hub was ever started')]);
    writeFileSync(join(folder, 'addresses.json'), '{"api":"127.0.0.1:8080"}');
    const made = await kubeconfig('--user', 'bob', '--group', 'shop-ops', '--server', 'hub.example:8080');
    expect([made.code, made.stderr]).toEqual([0, '']);
    const { server, token } = findServer(parse(made.stdout));
    expect(server).toBe('http://hub.example:8080');
    const key = readTokenKey(folder, () => {});
    expect(createTokens(key).authenticate(`Bearer ${token}`)).toEqual({
      name: 'bob',
      groups: ['shop-ops', 'system:authenticated'],
    });
  });
});

describe('holdfast timeline', () => {
  test('says what happened, when, and how much later that was learned', async () => {
    const { code, stdout, stderr } = await timeline();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(/ +/g, ' ')).toBe(
      `HAPPENED LEARNED WHAT MACHINE MESSAGE
2026-03-01 01:00:00Z at once Disconnected - the link was lost
2026-03-01 02:00:00Z 8h later ! Failed default/pos the guest said [2J and died
2026-03-01 03:00:00Z 7h later LocalOrder default/pos stop was ordered (2023-01-01 00:00:00Z by the box's clock)
2026-03-01 10:00:00Z at once Connected - connected
`,
    );
  });

  test('takes a range, a machine, a limit, and says where there is more', async () => {
    const { stdout, stderr } = await timeline('--until', '2026-03-01T09:00:00Z', '--limit', '1');
    expect(stdout).toContain('LocalOrder');
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(stderr).toContain('there is more before this');
    const json = await timeline('--machine', 'default/pos', '-o', 'json');
    const { items } = JSON.parse(json.stdout) as { items: { reason: string }[] };
    expect(items.map(({ reason }) => reason)).toEqual(['Failed', 'LocalOrder']);
    expect((await timeline('--since', '1h')).stdout).toBe('nothing is known of that time\n');
  });

  test('finds the hub by its address, or by KUBECONFIG', async () => {
    const byAddress = await runHoldfast(['timeline', 'shop-42', '--server', `http://${api.address}`]);
    expect(byAddress.stdout).toContain('LocalOrder');
    const env = { KUBECONFIG: api.kubeconfigPath };
    expect((await runHoldfast(['timeline', 'shop-42'], { env })).stdout).toContain('LocalOrder');
  });

  test.each([
    ['what the hub refuses', ['--since', 'yesterday'], 'the query parameter since must be a time', 1],
    ['a format that there is not', ['-o', 'xml'], 'Allowed choices are table, json', 2],
  ])('says %s', async (_, args, message, code) => {
    const refused = await timeline(...args);
    expect([refused.code, refused.stdout]).toEqual([code, '']);
    expect(refused.stderr).toContain(message);
  });

  test('says when a device is not known', async () => {
    const { code, stderr } = await runHoldfast(['timeline', 'x', '--server', `http://${api.address}`]);
    expect([code, stderr]).toEqual([1, 'holdfast: devices.holdfast.dev "x" not found\n']);
  });

  test('says where it looked in vain for a hub', async () => {
    const nowhere = await runHoldfast(['timeline', 'x', '--server', 'http://127.0.0.1:9']);
    expect(nowhere.stderr).toMatch(/^holdfast: no hub answers at http:\/\/127.0.0.1:9: .+\n$/);
    const other = createServer((_request, response) => response.end('<html>'));
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect((await runHoldfast(['timeline', 'x', '--server', url])).stderr).toContain(
      'which is not what a hub says',
    );
    other.close();

    const none = await runHoldfast(['timeline', 'x'], { env: { KUBECONFIG: '' } });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('which hub?')]);
    const file = join(folder, 'config');
    writeFileSync(file, compileKubeconfig('127.0.0.1:9', ANYONE).replace('current-context', 'no-context'));
    const wrong = await runHoldfast(['timeline', 'x', '--kubeconfig', file]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('it has no current context')]);
  });
});
