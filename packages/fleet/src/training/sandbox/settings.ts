// What a worker tells the processes that it starts.

/** What the parent tells the process, as JSON in the environment. */
export interface SandboxSettings {
  /** The name of the store. */
  readonly store: string;
  /** The URL of the user's module. */
  readonly module: string;
  /** The process id of the worker. */
  readonly pid: number;
  /** How often the store is asked whether to go on, in milliseconds. */
  readonly pollMs: number;
}

/** The variable of the environment that has the {@link SandboxSettings}. */
export const SETTINGS = 'POLYAK_FLEET_SANDBOX';
