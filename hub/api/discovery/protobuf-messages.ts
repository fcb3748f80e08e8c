/** Field numbers of Kubernetes' messages, from the `generated.proto` files of its API packages. */
export type MessageType = Readonly<Record<number, Field>>;

export interface Field {
  readonly name: string;
  /** A map is of texts, or of bytes, which are base64 in JSON; a message is given by its fields. */
  readonly type:
    'string' | 'integer' | 'boolean' | 'bytes' | 'time' | 'microTime' | 'map' | 'bytesMap' | MessageType;
  readonly repeated?: boolean;
}

const string = (name: string): Field => ({ name, type: 'string' });
const strings = (name: string): Field => ({ name, type: 'string', repeated: true });
const integer = (name: string): Field => ({ name, type: 'integer' });
const boolean = (name: string): Field => ({ name, type: 'boolean' });
const time = (name: string): Field => ({ name, type: 'time' });
const microTime = (name: string): Field => ({ name, type: 'microTime' });
const map = (name: string): Field => ({ name, type: 'map' });
const bytesMap = (name: string): Field => ({ name, type: 'bytesMap' });
const message = (name: string, type: MessageType): Field => ({ name, type });

/** `runtime.Unknown`: what an object travels in. */
export const unknownType: MessageType = {
  1: message('typeMeta', { 1: string('apiVersion'), 2: string('kind') }),
  2: { name: 'raw', type: 'bytes' },
};

const ownerReference: MessageType = {
  1: string('kind'),
  3: string('name'),
  4: string('uid'),
  5: string('apiVersion'),
  6: boolean('controller'),
  7: boolean('blockOwnerDeletion'),
};

/** Without `managedFields`, which nobody reads here. */
const objectMeta: MessageType = {
  1: string('name'),
  2: string('generateName'),
  3: string('namespace'),
  5: string('uid'),
  6: string('resourceVersion'),
  7: integer('generation'),
  8: time('creationTimestamp'),
  9: time('deletionTimestamp'),
  10: integer('deletionGracePeriodSeconds'),
  11: map('labels'),
  12: map('annotations'),
  13: { name: 'ownerReferences', type: ownerReference, repeated: true },
  14: strings('finalizers'),
};

const namespace: MessageType = {
  1: message('metadata', objectMeta),
  2: message('spec', { 1: strings('finalizers') }),
  3: message('status', { 1: string('phase') }),
};

const configMap: MessageType = {
  1: message('metadata', objectMeta),
  2: map('data'),
  3: bytesMap('binaryData'),
  4: boolean('immutable'),
};

const secret: MessageType = {
  1: message('metadata', objectMeta),
  2: bytesMap('data'),
  3: string('type'),
  4: map('stringData'),
  5: boolean('immutable'),
};

const objectReference: MessageType = {
  1: string('kind'),
  2: string('namespace'),
  3: string('name'),
  4: string('uid'),
  5: string('apiVersion'),
  6: string('resourceVersion'),
  7: string('fieldPath'),
};

const eventSeries: MessageType = { 1: integer('count'), 2: microTime('lastObservedTime') };
const eventSource: MessageType = { 1: string('component'), 2: string('host') };

const event: MessageType = {
  1: message('metadata', objectMeta),
  2: message('involvedObject', objectReference),
  3: string('reason'),
  4: string('message'),
  5: message('source', eventSource),
  6: time('firstTimestamp'),
  7: time('lastTimestamp'),
  8: integer('count'),
  9: string('type'),
  10: microTime('eventTime'),
  11: message('series', eventSeries),
  12: string('action'),
  13: message('related', objectReference),
  14: string('reportingComponent'),
  15: string('reportingInstance'),
};

/** The same of events.k8s.io. */
const eventsEvent: MessageType = {
  1: message('metadata', objectMeta),
  2: microTime('eventTime'),
  3: message('series', eventSeries),
  4: string('reportingController'),
  5: string('reportingInstance'),
  6: string('action'),
  7: string('reason'),
  8: message('regarding', objectReference),
  9: message('related', objectReference),
  10: string('note'),
  11: string('type'),
  12: message('deprecatedSource', eventSource),
  13: time('deprecatedFirstTimestamp'),
  14: time('deprecatedLastTimestamp'),
  15: integer('deprecatedCount'),
};

const lease: MessageType = {
  1: message('metadata', objectMeta),
  2: message('spec', {
    1: string('holderIdentity'),
    2: integer('leaseDurationSeconds'),
    3: microTime('acquireTime'),
    4: microTime('renewTime'),
    5: integer('leaseTransitions'),
    6: string('strategy'),
    7: string('preferredHolder'),
  }),
};

const deleteOptions: MessageType = {
  1: integer('gracePeriodSeconds'),
  2: message('preconditions', { 1: string('uid'), 2: string('resourceVersion') }),
  3: boolean('orphanDependents'),
  4: string('propagationPolicy'),
  5: strings('dryRun'),
};

/** Of the questions that `kubectl auth` asks; what it sends has no status. */
const selfSubjectReview: MessageType = { 1: message('metadata', objectMeta) };

const selfSubjectAccessReview: MessageType = {
  1: message('metadata', objectMeta),
  2: message('spec', {
    1: message('resourceAttributes', {
      1: string('namespace'),
      2: string('verb'),
      3: string('group'),
      4: string('version'),
      5: string('resource'),
      6: string('subresource'),
      7: string('name'),
    }),
    2: message('nonResourceAttributes', { 1: string('path'), 2: string('verb') }),
  }),
};

const selfSubjectRulesReview: MessageType = {
  1: message('metadata', objectMeta),
  2: message('spec', { 1: string('namespace') }),
};

export function messageTypeOf(apiVersion: unknown, kind: unknown): MessageType | undefined {
  // Options carry the version of whatever they are about.
  if (kind === 'DeleteOptions') return deleteOptions;
  if (apiVersion === 'authentication.k8s.io/v1' && kind === 'SelfSubjectReview') return selfSubjectReview;
  if (apiVersion === 'authorization.k8s.io/v1' && kind === 'SelfSubjectAccessReview')
    return selfSubjectAccessReview;
  if (apiVersion === 'authorization.k8s.io/v1' && kind === 'SelfSubjectRulesReview')
    return selfSubjectRulesReview;
  if (apiVersion === 'coordination.k8s.io/v1' && kind === 'Lease') return lease;
  if (apiVersion === 'events.k8s.io/v1' && kind === 'Event') return eventsEvent;
  if (apiVersion !== 'v1') return undefined;
  switch (kind) {
    case 'Namespace':
      return namespace;
    case 'Event':
      return event;
    case 'ConfigMap':
      return configMap;
    case 'Secret':
      return secret;
    default:
      return undefined;
  }
}
