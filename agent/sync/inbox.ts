import { formatCauses, validate } from '../../shared/model/validate.ts';
import { machineIdentity } from '../../shared/model/machine.ts';
import type { DesiredDocument } from '../../shared/protocol/desired.ts';
import { createDesiredAssembler, parseDesired } from '../../shared/protocol/desired.ts';
import { decodeMessage, desiredMessage } from '../../shared/protocol/messages.ts';
import type { Log } from '../../shared/ports.ts';
import { EMPTY_MEMORY } from '../plan/memory.ts';
import type { Happening, Store } from '../ports.ts';

export interface Inbox {
  /** Takes one part of a desired document; stores the document once it is whole. Never throws on bad input. */
  receive(payload: Uint8Array): void;
  /** The parts that are there of a document that is still coming in. */
  partial(): { readonly hash: string; readonly parts: number[] } | undefined;
}

interface InboxOptions {
  readonly device: string;
  readonly store: Store;
  readonly log: Log;
  readonly happening: () => Happening;
  /** Called after a new document was stored. */
  readonly stored: () => void;
}

/** The way in of desired documents: refused, or stored whole before anything acts on them. */
export function createInbox({ device, store, log, happening, stored }: InboxOptions): Inbox {
  const assembler = createDesiredAssembler();

  function accept(document: DesiredDocument, text: string, hash: string): string | undefined {
    if (document.device !== device) return `it is for the device ${document.device}, not ${device}`;
    const held = store.desired();
    if (held !== undefined && document.generation <= held.generation) {
      return held.hash === hash
        ? undefined
        : `its generation ${document.generation} is not above ${held.generation}`;
    }
    store.transaction(() => {
      store.saveDesired(document.generation, hash, text);
      const problems = saveMachines(store, document);
      const body = { kind: 'desired' as const, generation: document.generation, problems };
      store.putStatus('desired', body, happening());
    });
    log.info(
      { generation: document.generation, machines: document.machines.length },
      'desired document stored',
    );
    stored();
    return undefined;
  }

  return {
    partial: () => assembler.partial(),
    receive(payload) {
      const message = decodeMessage(desiredMessage, payload);
      const text = message.ok ? assembler.add(message.value) : message;
      if (text === undefined) return;
      const document = text.ok ? parseDesired(text.value) : text;
      const problem =
        document.ok && message.ok && text.ok
          ? accept(document.value, text.value, message.value.hash)
          : formatCauses(document.ok ? [] : document.causes);
      if (problem !== undefined) log.warn({ problem }, 'desired document refused');
    },
  };
}

/**
 * Puts each machine of the document in the store, keeping what is remembered of it, and returns what is wrong
 * with entries that can't be told apart. Machines that the document does not name stay as they are: only an
 * entry that says `removed` removes one.
 */
function saveMachines(store: Store, document: DesiredDocument): string[] {
  const memories = new Map(store.machines().map(({ uid, memory }) => [uid, memory]));
  return document.machines.flatMap((desired, index) => {
    const identity = validate(machineIdentity, desired);
    if (!identity.ok) return [`machines[${index}]: ${formatCauses(identity.causes)}`];
    const { uid } = identity.value;
    store.putMachine({ uid, desired, memory: memories.get(uid) ?? EMPTY_MEMORY });
    return [];
  });
}
