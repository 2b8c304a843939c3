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

const VARIABLE = 'POLYAK_FLEET_SANDBOX';

/** The environment of a process with these settings. */
export function environmentOf(settings: SandboxSettings): NodeJS.ProcessEnv {
  return { ...process.env, [VARIABLE]: JSON.stringify(settings) };
}

/** The settings of this process. */
export function readSettings(): SandboxSettings {
  return JSON.parse(process.env[VARIABLE] ?? '') as SandboxSettings;
}
