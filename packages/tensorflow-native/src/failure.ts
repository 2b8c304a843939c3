// Errors that the user can correct. The message has one line for each problem, with the remedy.

/** An error that is printed without its stack. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
}
