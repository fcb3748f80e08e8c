/** Who sends a request, in the terms of Kubernetes' `authentication.k8s.io` `UserInfo`. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/**
 * Tells who sends a request from its `Authorization` header, '' where it has none; undefined for nobody that is
 * known.
 */
export type Authenticate = (authorization: string) => User | undefined;

/** In this group is everyone who is known; in Kubernetes too. */
export const AUTHENTICATED = 'system:authenticated';
/** Those who may do everything. */
export const MASTERS = 'system:masters';

/** Whom the hub makes a kubeconfig for when it starts. */
export const ADMIN: User = { name: 'admin', groups: [MASTERS, AUTHENTICATED] };
