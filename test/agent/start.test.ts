import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** Prints what of Node and of packages in CommonJS there is in memory once an agent's code is. */
const LOAD_AGENT = `
  await import('./agent/main.ts');
  const { _cache } = (await import('node:module')).default;
  console.log(JSON.stringify([...process.moduleLoadList, ...Object.keys(_cache)]));
`;

test('an agent starts without what only its link, its facts, streams and configuration files need', () => {
  const words = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', LOAD_AGENT];
  const printed = execFileSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  const loaded = JSON.parse(printed) as string[];
  expect(loaded.some((module) => module.includes('/better-sqlite3/'))).toBe(true);

  const late = [/NativeModule internal\/deps\/undici/, /node_modules\/(?:mqtt|systeminformation|ws|yaml)\//];
  expect(loaded.filter((module) => late.some((one) => one.test(module)))).toEqual([]);
});
