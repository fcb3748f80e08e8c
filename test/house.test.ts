import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * The rules of the house (CONTRIBUTING.md), checked over all files that git has or would take. They are checked
 * by reading text, not by a parser: what can't be told surely from the text is left to the linter and to people.
 */

interface File {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

interface Problem {
  readonly line: number;
  readonly sentence: string;
}

interface Import {
  readonly line: number;
  /** A path from the root for a file of ours, `node:fs` or a package's name for others. */
  readonly target: string;
  readonly isOurs: boolean;
  readonly typeOnly: boolean;
  readonly clause: string;
}

const PURE_ROOMS = ['agent/plan', 'agent/machine', 'hub/rollout', 'hub/machines', 'hub/apply'];
const PURE_MAY_IMPORT = [...PURE_ROOMS, 'shared/model', 'shared/base'];
const ADAPTERS = [
  ...['facts', 'image', 'k3s', 'link', 'network', 'probe', 'qemu', 'store', 'tunnel'].map(
    (room) => `agent/${room}`,
  ),
  // Of the box's own door, the two ends of the socket; and what answers who asks for metrics.
  'agent/local/server.ts',
  'agent/local/client.ts',
  'agent/metrics/server.ts',
  ...['broker', 'store', 'tunnel'].map((room) => `hub/${room}`),
  'shared/host',
];
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LONGEST_FILE_LINES = 400;
const SQL_PACKAGES = ['better-sqlite3', 'kysely'];
/** Without `pid` and `kill`: a machine's own `process` has such. */
const PROCESS_MEMBERS =
  /(?<![.\w$])process\.(?:arch|argv0?|chdir|cwd|emit\w*|env|exec\w+|exit\w*|get[eg]?[ug]id|hrtime|memoryUsage|nextTick|off|on|once|platform|ppid|stderr|stdin|stdout|umask|uptime|versions?)\b/g;
/** By the words that such hosts have in their names. */
const REGISTRY_HOSTS =
  /\b(?:https?:\/\/[\w.-]*(?:registry|npm|pypi|crates|debian|ubuntu)[\w.-]*|registry\.\w+)\.(?:com|io|net|org)\b/g;

const isIn = (path: string, rooms: readonly string[]) =>
  rooms.some((room) => `${path}/`.startsWith(`${room}/`));
const isTypeScript = ({ path }: File) => path.endsWith('.ts');
const isTest = ({ path }: File) => isIn(path, ['test']);
/** This file has to name what it forbids. */
const isHouse = ({ path }: File) => path === 'test/house.test.ts';
const isMain = ({ path }: File) => basename(path) === 'main.ts';

const mayReadProcess = (file: File) => isMain(file) || isTest(file) || isIn(file.path, ['bin']);

const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length;

/** A problem for each place where `pattern` (global) fits. */
function findAll(text: string, pattern: RegExp, sentence: string): Problem[] {
  return [...text.matchAll(pattern)].map(({ index }) => ({ line: lineAt(text, index), sentence }));
}

/** The text without what comments and strings say; lines stay where they are. */
function codeOf({ text }: File): string {
  const commentOrString =
    /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[^]|[^`\\])*`/g;
  return text.replace(commentOrString, (match) => match.replace(/[^\n]/g, ' '));
}

function importsOf({ path, text }: File): Import[] {
  const patterns = [
    /^(?:import|export)\s+((?:type\s+)?(?:\*(?:\s+as\s+\w+)?|[\w$]+|\{[^}]*\}|[\w$]+\s*,\s*\{[^}]*\}))\s+from\s+'([^']+)'/gm,
    /^import\s+()'([^']+)'/gm,
    /(?<![\w.'"`])import\(()'([^']+)'\)/g,
  ];
  return patterns
    .flatMap((pattern) => [...text.matchAll(pattern)])
    .map(({ index, 1: clause = '', 2: specifier = '' }) => {
      const isOurs = specifier.startsWith('.');
      const names = /^\{(.*)\}$/s
        .exec(clause)?.[1]
        ?.split(',')
        .filter((name) => name.trim() !== '');
      return {
        line: lineAt(text, index),
        target: isOurs ? normalize(join(dirname(path), specifier)) : specifier,
        isOurs,
        typeOnly: clause.startsWith('type ') || names?.every((name) => /^\s*type\s/.test(name)) === true,
        clause,
      };
    });
}

/** Forbids what fits a pattern in the code of a file, comments and strings left aside. */
function forbid(...offences: readonly (readonly [pattern: RegExp, sentence: string])[]) {
  return (file: File): Problem[] =>
    offences.flatMap(([pattern, sentence]) => findAll(codeOf(file), pattern, sentence));
}

/** Why a file may not make an import, if so. */
function judgeImport(file: File, { target, isOurs, typeOnly, clause }: Import): string | undefined {
  const { path } = file;
  const [top = ''] = path.split('/');
  if (!isOurs) {
    if (SQL_PACKAGES.includes(target) && !path.includes('/store/') && !isTest(file)) {
      return `SQL belongs in store/: ${target} is imported elsewhere`;
    }
    if (target === 'node:process' && !mayReadProcess(file) && !/^\{\s*hrtime\s*\}$/.test(clause)) {
      return 'only main.ts reads the process; elsewhere of node:process there is hrtime';
    }
    if (isIn(path, PURE_ROOMS) && (!typeOnly || target.startsWith('node:'))) {
      return `a pure room imports ${target}`;
    }
    return undefined;
  }
  if (target.startsWith('..')) return `imports ${target}, which is outside of the repository`;
  if (top === 'agent' && isIn(target, ['hub'])) return 'agent/ imports hub/';
  if (top === 'hub' && isIn(target, ['agent'])) return 'hub/ imports agent/';
  if (top === 'shared' && !isIn(target, ['shared'])) return `shared/ imports ${target}`;
  if (isIn(target, ['test']) && !isTest(file)) return 'only tests import test/';
  if (typeOnly) return undefined;
  if (isIn(path, PURE_ROOMS) && !isIn(target, PURE_MAY_IMPORT)) return `a pure room imports ${target}`;
  const adapter = ADAPTERS.find((room) => isIn(target, [room]));
  const neighbours = [adapter ?? '', dirname(target), 'test', 'bin', 'demo'];
  if (adapter === undefined || isIn(path, neighbours) || isMain(file)) return undefined;
  if (adapter === 'shared/host' && isIn(path, ADAPTERS)) return undefined;
  return `${adapter} is an adapter: only main.ts and tests import it, the rest sees ports`;
}

/** A rule looks at one file; `over` says at which ones. */
const RULES: Record<string, { over: (file: File) => boolean; check: (file: File) => readonly Problem[] }> = {
  'who may import whom': {
    over: isTypeScript,
    check: (file) =>
      importsOf(file).flatMap((each) => {
        const sentence = judgeImport(file, each);
        return sentence === undefined ? [] : [{ line: each.line, sentence }];
      }),
  },
  'pure rooms are pure': {
    over: (file) => isTypeScript(file) && isIn(file.path, PURE_ROOMS),
    check: forbid(
      [/(?<![.\w$])(?:async|await)\b/g, 'a pure room waits for something'],
      [/(?<![.\w$])(?:Date|performance|setTimeout|setInterval)\b/g, 'a pure room reads the time'],
      [/\bMath\.random\b|(?<![.\w$])crypto\./g, 'a pure room leaves something to chance'],
    ),
  },
  'only main.ts reads process.*': {
    over: (file) => isTypeScript(file) && !mayReadProcess(file),
    check: forbid([PROCESS_MEMBERS, 'only main.ts reads process.*']),
  },
  'no module-level state': {
    over: (file) => isTypeScript(file) && !isTest(file),
    check: forbid(
      [/^(?:export\s+)?(?:let|var)\s/gm, 'state of a module: make it part of a createX'],
      // Annotated as ReadonlyMap or ReadonlySet it is a table, and tables are fine.
      [
        /^(?:export\s+)?const\s+\w+(?::(?!\s*Readonly)[^=\n]+)?\s*=\s*new\s+(?:Weak)?(?:Map|Set)\b/gm,
        'state of a module, or a table without a Readonly type',
      ],
      [/^(?:export\s+)?const\s+\w+.*=\s*new\s+Event(?:Emitter|Target)\b/gm, 'a global emitter'],
    ),
  },
  'no default exports': {
    over: (file) => isTypeScript(file) && file.path !== 'vitest.config.ts',
    check: forbid([/^export\s+default\b|\bas\s+default\b/gm, 'a default export: give it a name']),
  },
  'no barrels': {
    over: isTypeScript,
    check: ({ path, text }) => {
      const isIndex = /^index\.\w+$/.test(basename(path));
      const sentence = 'a barrel: import each file itself';
      return isIndex ? [{ line: 1, sentence }] : findAll(text, /^export\s+\*/gm, sentence);
    },
  },
  'names are kebab-case': {
    over: isTypeScript,
    check: ({ path }) =>
      path.split('/').every((step) => /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/.test(step))
        ? []
        : [{ line: 1, sentence: 'a file or folder name that is not kebab-case' }],
  },
  'files are short': {
    over: ({ path }) => !/\.generated\.|\.md$|(?:^|\/)(?:package-lock\.json|LICENSE)$/.test(path),
    check: ({ text }) => {
      const lines = text.split('\n').length - 1;
      return lines <= LONGEST_FILE_LINES
        ? []
        : [{ line: lines, sentence: `${lines} lines: at most ${LONGEST_FILE_LINES} in a file` }];
    },
  },
  'tests are neither singled out nor left out': {
    over: (file) => isTypeScript(file) && isTest(file),
    check: forbid([
      /\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo)\b/g,
      'a test singled out or left out',
    ]),
  },
  'nothing is left to do': {
    over: (file) => !isHouse(file),
    check: ({ text }) => findAll(text, /\b(?:TODO|FIXME|XXX)\b/g, 'a note of something left undone'),
  },
  'paths and hosts of one machine stay out': {
    over: (file) => basename(file.path) !== 'package-lock.json',
    check: ({ text }) => [
      ...findAll(text, new RegExp(RegExp.escape(ROOT), 'g'), 'the path of this checkout'),
      ...findAll(text, REGISTRY_HOSTS, "a package registry's host"),
    ],
  },
};

/**
 * Files along a cycle of imports, the first one again at its end; undefined where there is none. Imports of types
 * alone are gone when the code runs, and don't count.
 */
function findCycle(files: readonly File[]): string[] | undefined {
  const targets = new Map(
    files.map((file) => {
      const imports = importsOf(file).filter(({ isOurs, typeOnly }) => isOurs && !typeOnly);
      return [file.path, imports.map(({ target }) => target)];
    }),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    done.add(path);
    const cycles = (targets.get(path) ?? []).map((target) => visit(target, [...trail, path]));
    return cycles.find((cycle) => cycle !== undefined);
  };
  return files.map(({ path }) => visit(path, [])).find((cycle) => cycle !== undefined);
}

function listFiles(): string[] {
  try {
    const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).split('\0');
  } catch {
    // Not a checkout, or no git.
    return readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
      (path) => !/(?:^|\/)(?:node_modules|\.git|\.holdfast)(?:\/|$)/.test(path),
    );
  }
}

const FILES: readonly File[] = [...new Set(listFiles())]
  .filter((path) => path !== '' && existsSync(join(ROOT, path)) && statSync(join(ROOT, path)).isFile())
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
  .filter(({ text }) => !text.includes('\0'));

describe('the house', () => {
  test.each(Object.entries(RULES))('%s', (_, { over, check }) => {
    const problems = FILES.filter(over).flatMap((file) =>
      check(file).map(({ line, sentence }) => `${file.path}:${line}: ${sentence}`),
    );
    expect(problems).toEqual([]);
  });

  test('no cycles of imports', () => {
    expect(findCycle(FILES.filter(isTypeScript))).toBeUndefined();
  });

  test('the files are there to be looked at', () => {
    expect(FILES.filter(({ path }) => extname(path) === '.ts').length).toBeGreaterThan(20);
  });
});

/**
 * Under each rule: a path, a text, and words of the sentence that must come of it; without those, the text only
 * looks like an offence. `LONG` is a file one line too long.
 */
const SAMPLES = String.raw`
who may import whom
  agent/a.ts :: import { b } from '../hub/b.ts'; :: agent/ imports hub/
  hub/a.ts :: import type { B } from '../agent/b.ts'; :: hub/ imports agent/
  shared/model/a.ts :: import { b } from '../../agent/b.ts'; :: shared/ imports agent/b.ts
  agent/a.ts :: import { b } from '../test/b.ts'; :: only tests import test/
  agent/a.ts :: import { b } from '../../elsewhere/b.ts'; :: outside of the repository
  agent/plan/a.ts :: import { b } from '../act/b.ts'; :: a pure room imports agent/act/b.ts
  agent/plan/a.ts :: import type { Stats } from 'node:fs'; :: a pure room imports node:fs
  hub/rollout/a.ts :: import { z } from 'zod'; :: a pure room imports zod
  agent/agent.ts :: import {\n  type C,\n  b,\n} from './qemu/b.ts'; :: agent/qemu is an adapter
  agent/agent.ts :: const { b } = await import('./facts/b.ts'); :: agent/facts is an adapter
  agent/image/a.ts :: export { b } from '../qemu/b.ts'; :: agent/qemu is an adapter
  agent/agent.ts :: import { b } from './local/server.ts'; :: agent/local/server.ts is an adapter
  hub/api/a.ts :: import '../../shared/host/b.ts'; :: shared/host is an adapter
  hub/api/a.ts :: import { sql } from 'kysely'; :: SQL belongs in store/
  hub/api/a.ts :: import { env, hrtime } from 'node:process'; :: only main.ts reads the process
  agent/main.ts :: import { b } from './qemu/b.ts';
  agent/agent.ts :: import type { B } from './qemu/b.ts';
  agent/agent.ts :: import { type B, type C } from './qemu/b.ts';
  agent/local/door.ts :: import { b } from './server.ts';
  agent/qemu/a.ts :: import { b } from '../../shared/host/b.ts';
  agent/plan/a.ts :: import type { B } from '../ports.ts';
  agent/plan/a.ts :: import { b } from '../../shared/base/b.ts';
  agent/a.ts :: // import { b } from '../hub/b.ts';
  shared/host/a.ts :: import { hrtime } from 'node:process';
  hub/store/a.ts :: import { sql } from 'kysely';
pure rooms are pure
  agent/plan/a.ts :: export async function a() {} :: a pure room waits
  agent/plan/a.ts :: return new Date(); :: a pure room reads the time
  agent/plan/a.ts :: return Math.random(); :: a pure room leaves something to chance
  agent/plan/a.ts :: // await a Date\nmachine.await('async');
only main.ts reads process.*
  agent/a.ts :: const home = process.env.HOME; :: only main.ts reads process.*
  agent/a.ts :: machine.process.exit; // process.exit\nprocess.pid;
  agent/main.ts :: process.argv;
no module-level state
  agent/a.ts :: export let count = 0; :: state of a module
  agent/a.ts :: const seen = new Set<string>(); :: state of a module
  agent/a.ts :: const seen: Map<string, number> = new Map(); :: state of a module
  agent/a.ts :: export const bus = new EventEmitter(); :: a global emitter
  agent/a.ts :: const NAMES: ReadonlyMap<string, string> = new Map([]);
  agent/a.ts :: function a() {\n  let b = new Map();\n}
no default exports
  agent/a.ts :: export default function a() {} :: a default export
  agent/a.ts :: export { a as default }; :: a default export
  vitest.config.ts :: export default {};
no barrels
  agent/index.ts :: export {}; :: a barrel
  agent/a.ts :: export * from './b.ts'; :: a barrel
names are kebab-case
  agent/imageStore.ts :: export {}; :: not kebab-case
files are short
  agent/a.ts :: LONG :: 401 lines
  package-lock.json :: LONG
tests are neither singled out nor left out
  test/a.test.ts :: test.only('a', () => {}); :: a test singled out
  test/a.test.ts :: describe.concurrent.skip('a', b); :: a test singled out or left out
  test/a.test.ts :: test.skipIf(true)('a', () => {});
nothing is left to do
  bin/setup :: # TODO: the rest :: left undone
paths and hosts of one machine stay out
  README.md :: see ROOT/notes.md :: the path of this checkout
  .npmrc :: from=https://some-HOST.example.org/ :: a package registry's host
  README.md :: docker://registry:5000/image
`;

function parseSamples(): { rule: string; file: File; sentence: string | undefined }[] {
  let rule = '';
  return SAMPLES.split('\n').flatMap((row) => {
    if (!row.startsWith('  ')) rule = row;
    const [path, sample, sentence] = row.trim().split(' :: ');
    if (path === undefined || sample === undefined) return [];
    const said = sample.replaceAll('\\n', '\n').replace('ROOT/', ROOT).replace('HOST', 'npm');
    const text = sample === 'LONG' ? 'x\n'.repeat(LONGEST_FILE_LINES + 1) : said;
    return [{ rule, file: { path, text }, sentence }];
  });
}

describe('the rules themselves', () => {
  const problemsOf = (rule: string, file: File) => {
    const { over, check } = RULES[rule] ?? { over: () => false, check: () => [] };
    return over(file) ? check(file) : [];
  };

  test('each can be broken, and what only looks like it does not', () => {
    const samples = parseSamples();
    for (const { rule, file, sentence } of samples) {
      const sentences = problemsOf(rule, file).map((problem) => problem.sentence);
      const expected = sentence === undefined ? [] : [expect.stringContaining(sentence) as string];
      expect(sentences, `${rule}: ${file.text}`).toEqual(expected);
    }
    const broken = samples.filter(({ sentence }) => sentence !== undefined);
    expect(new Set(broken.map(({ rule }) => rule))).toEqual(new Set(Object.keys(RULES)));
  });

  test('a problem is found where it is', () => {
    const text = "\nimport { a } from './a.ts';\n\nimport {\n  b,\n} from '../hub/b.ts';\n";
    expect(problemsOf('who may import whom', { path: 'agent/x.ts', text })).toMatchObject([{ line: 4 }]);
  });

  test('a cycle of values is found, one of types is none', () => {
    const file = (name: string, other: string, type = '') => ({
      path: `agent/${name}.ts`,
      text: `import ${type}{ x } from './${other}.ts';\n`,
    });
    const cycle = ['agent/b.ts', 'agent/c.ts', 'agent/b.ts'];
    expect(findCycle([file('a', 'b'), file('b', 'c'), file('c', 'b')])).toEqual(cycle);
    expect(findCycle([file('a', 'b'), file('b', 'a', 'type ')])).toBeUndefined();
  });
});
