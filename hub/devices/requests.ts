import { EffectError } from '../../shared/base/errors.ts';
import { formatTime } from '../../shared/base/time.ts';
import type { Clock, Random } from '../../shared/ports.ts';
import type { RequestBody, RequestMessage, ResponseMessage } from '../../shared/protocol/messages.ts';

/** How many answers are waited for at once: each is a client of the API that waits. */
const MOST_WAITING = 1_000;
/** How often an unanswered request is said again: it may have been lost, and is carried out once however often it comes. */
const AGAIN_EVERY_MS = 5_000;

export interface Requests {
  /**
   * Asks a device and waits for its answer. Two with the same `id` are one request.
   * @throws EffectError `DeadlineExceeded`, `TooManyRequests`
   */
  ask(
    device: string,
    body: RequestBody,
    options: { readonly id?: string; readonly deadlineMs: number },
  ): Promise<ResponseMessage>;
  /** A device answered. */
  take(device: string, response: ResponseMessage): void;
  stop(): void;
}

interface RequestsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly send: (device: string, request: RequestMessage) => void;
}

/** What is asked of devices outside of what is desired of them: each with a deadline, each carried out once. */
export function createRequests({ clock, random, send }: RequestsOptions): Requests {
  interface Waiting {
    readonly device: string;
    readonly promise: Promise<ResponseMessage>;
    readonly end: (outcome: ResponseMessage | Error) => void;
  }
  const waiting = new Map<string, Waiting>();

  return {
    async ask(device, body, { id = random.uuid(), deadlineMs }) {
      const same = waiting.get(id);
      if (same !== undefined) return same.promise;
      if (waiting.size >= MOST_WAITING) {
        throw new EffectError(
          'TooManyRequests',
          device,
          `${MOST_WAITING} requests wait for answers: try again later`,
        );
      }
      const request: RequestMessage = { id, expiresAt: formatTime(clock.now() + deadlineMs), body };
      const { promise, resolve, reject } = Promise.withResolvers<ResponseMessage>();
      let cancelAgain = () => {};
      const say = () => {
        send(device, request);
        cancelAgain = clock.after(AGAIN_EVERY_MS, say);
      };
      const cancelLate = clock.after(deadlineMs, () => {
        const message = `device ${device} did not answer within ${deadlineMs / 1000} s`;
        waiting.get(id)?.end(new EffectError('DeadlineExceeded', device, message));
      });
      waiting.set(id, {
        device,
        promise,
        end(outcome) {
          waiting.delete(id);
          cancelAgain();
          cancelLate();
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      });
      say();
      return promise;
    },
    take(device, response) {
      const asked = waiting.get(response.id);
      if (asked?.device === device) asked.end(response);
    },
    stop() {
      for (const { device, end } of waiting.values()) {
        end(new EffectError('Unavailable', device, 'the hub is stopping'));
      }
    },
  };
}
