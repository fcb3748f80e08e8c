import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { messageOf } from '../../../shared/base/errors.ts';

/** What a process of the bench can be asked; arguments and results are structured clones. */
type Calls = { readonly [name: string]: (argument: never) => unknown };

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly problem?: string;
}

/** Answers the process that started this one, and ends with it. */
export function serveCalls(calls: Calls): void {
  const answer = async ({ id, name, argument }: Question): Promise<Answer> => {
    try {
      return { id, value: await calls[name]?.(argument as never) };
    } catch (error) {
      return { id, problem: messageOf(error) };
    }
  };
  const reply = async (question: Question) => {
    const answered = await answer(question);
    process.send?.(answered);
  };
  process.on('message', (question: Question) => {
    void reply(question);
  });
  process.once('disconnect', () => process.exit());
}

/** A process of its own that answers `C`. */
export interface Remote<C extends Calls> {
  readonly pid: number;
  /** @throws Error with what went wrong there, or the end of its log where it ended */
  ask<N extends keyof C & string>(name: N, ...argument: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>;
  /** Ends it, and resolves when it is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a file that calls `serveCalls`; what it prints goes to `logFile`. */
export function startRemote<C extends Calls>(file: string, logFile: string): Remote<C> {
  const log = openSync(logFile, 'a');
  const child = fork(file, { stdio: ['ignore', log, log, 'ipc'], serialization: 'advanced' });
  closeSync(log);
  const ended = once(child, 'exit');
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  void ended.then(() => {
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
    for (const [id, settle] of waiting) settle({ id, problem: `${file} ended; its log: ${lines}` });
    waiting.clear();
  });
  return {
    pid: child.pid ?? 0,
    async ask<N extends keyof C & string>(
      name: N,
      ...[argument]: Parameters<C[N]>
    ): Promise<Awaited<ReturnType<C[N]>>> {
      const id = ++lastId;
      const { value, problem } = await new Promise<Answer>((resolve) => {
        waiting.set(id, resolve);
        child.send({ id, name, argument } satisfies Question, (error) => {
          if (error !== null) resolve({ id, problem: messageOf(error) });
        });
      });
      if (problem !== undefined) throw new Error(`${name}: ${problem}`);
      return value as Awaited<ReturnType<C[N]>>;
    },
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await ended;
    },
  };
}
