import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFields } from '../../docs/compile-fields.ts';
import { KINDS } from '../../shared/model/kinds.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/fields.md'), 'utf8');

test('docs/fields.md says what the tables say', () => {
  expect(PAGE === compileFields(KINDS), 'docs/fields.md is out of date: run npm run docs').toBe(true);
});

test('each struct is described once, and every field of it', () => {
  expect(PAGE).toContain('| `priorityClassName` | no effect | ');
  expect(PAGE).toContain('| `dnsConfig` | refused | there is no pod');
  expect(PAGE).toContain('| `runStrategy` | works | When it runs |');
  expect(PAGE).toContain(
    '### VirtualMachineInstance: `spec`\n\nAs in VirtualMachine: `spec.template.spec`.\n',
  );
  const headings = PAGE.split('\n').filter((line) => line.startsWith('#'));
  expect(new Set(headings).size).toBe(headings.length);
});
