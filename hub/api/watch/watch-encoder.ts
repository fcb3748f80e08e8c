import type { View } from '../view/view.ts';
import type { WatchEvent } from './watch-feed.ts';

/** An event as it goes out: a line of JSON. */
export type EncodeEvent = (event: WatchEvent, view: View) => Uint8Array;

/**
 * Encodes each event once for all who watch in the same form: a thousand watchers cost no more than one does, beside
 * the sending.
 */
export function createEventEncoder(): EncodeEvent {
  // By the object, which all feeds have from the one change; gone with it.
  const encoded = new WeakMap<object, Map<string, Uint8Array>>();
  return (event, view) => {
    if (event.type === 'ERROR') return lineOf('ERROR', JSON.stringify(event.status));
    if ('row' in event) return lineOf(event.type, view.row(event.row));
    const { type, object } = event;
    if (type === 'BOOKMARK') return lineOf(type, JSON.stringify(view.bookmark(object)));
    const id = `${type} ${view.id}`;
    const forms = encoded.get(object) ?? new Map<string, Uint8Array>();
    const line = forms.get(id) ?? lineOf(type, JSON.stringify(view.object(object)));
    encoded.set(object, forms.set(id, line));
    return line;
  };
}

function lineOf(type: WatchEvent['type'], object: string): Uint8Array {
  return Buffer.from(`{"type":"${type}","object":${object}}\n`);
}
