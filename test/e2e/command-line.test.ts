import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHoldfast } from '../tools/holdfast.ts';

describe('holdfast', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function configFile(text: string): string {
    const path = join(folder, 'config.yaml');
    writeFileSync(path, text);
    return path;
  }

  test.each([
    [['hub', '--api-listen', '0.0.0.0:80'], '--api-listen must be a loopback address such as 127.0.0.1:80'],
    [['hub', '--mqtt-listen', 'nowhere'], '--mqtt-listen must be HOST:PORT'],
    [['agent', '--name', 'Edge_1', '--hub', 'mqtt://127.0.0.1:1'], '--name must be a DNS-1123 label'],
    [['agent', '--name', 'edge-1'], 'hub is required: give --hub URL or HOLDFAST_HUB'],
    [['agent', '--name', 'e', '--hub', 'http://h'], '--hub must be mqtt://HOST:PORT'],
    [
      ['agent', '--name', 'e', '--hub', 'mqtt://h:1', '--accel', 'hvf'],
      '--accel must be one of auto, kvm, tcg',
    ],
    [['agent', '--nmae', 'e'], "unknown option '--nmae'"],
    [['fly'], "unknown command 'fly'"],
    [['vm', 'stop', 'pos'], "required option '--reason <TEXT>' not specified"],
  ])('%j: one line that names what is wrong, exit code 2', async (args, message) => {
    const { code, stderr, stdout } = await runHoldfast(args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test.each([
    ['dataDri: /x', 'unknown key dataDri'],
    ['apiListen: [1, 2]', 'apiListen must be a single value'],
    ['apiListen: 0.0.0.0:1', 'config.yaml: apiListen must be a loopback address'],
    ['- 1', 'must be a map of settings'],
    ['a: b: c', 'config.yaml'],
  ])('a config file with %j is refused with its name, exit code 2', async (text, message) => {
    const { code, stderr } = await runHoldfast(['hub', '--config', configFile(text)]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test('a flag wins over the environment, and that over the file', async () => {
    const config = configFile('dataDir: /file\nname: e\nhub: mqtt://127.0.0.1:1\nlogLevel: from-file\n');
    const env = { HOLDFAST_LOG_LEVEL: 'from-environment' };
    const file = await runHoldfast(['agent', '--config', config]);
    const environment = await runHoldfast(['agent', '--config', config], { env });
    const flag = await runHoldfast(['agent', '--config', config, '--log-level', 'from-flag'], { env });
    expect(file.stderr).toContain('from-file');
    expect(environment.stderr).toContain('HOLDFAST_LOG_LEVEL must be one of');
    expect(flag.stderr).toContain('--log-level must be one of');
  });

  test.each([
    ['hub', ['--api-listen', 'HOLDFAST_API_LISTEN']],
    ['agent', ['--accel <auto|kvm|tcg>', 'HOLDFAST_ACCEL', '--hub']],
    ['demo', ['--data-dir']],
    ['status', ['--output']],
  ])('%s --help names its settings', async (command, words) => {
    const { code, stdout } = await runHoldfast([command, '--help']);
    expect(code).toBe(0);
    for (const word of words) expect(stdout).toContain(word);
  });

  test('status without an agent says so, exit code 1', async () => {
    const { code, stderr } = await runHoldfast(['status', '--data-dir', folder]);
    expect(stderr).toBe(`holdfast: no agent runs with ${folder}: start one, or name its --data-dir\n`);
    expect(code).toBe(1);
  });
});
