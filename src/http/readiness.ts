/** Whether traffic should come here, and the lines that say why. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** What the process knows of its own fitness. Asking it never touches the volume. */
export interface ReadinessState {
  current(): Readiness;
}
