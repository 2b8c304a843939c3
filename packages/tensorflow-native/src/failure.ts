// What the user can mend. Its message is one line, or one line for each thing missing, and names
// the remedy.

/** An error without a stack: what it says is all there is to say. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
}
