// What the user can put right: the message is all that is shown.

/** An error that is one line for the user, without a stack. */
export class Failure extends Error {
  override readonly name = 'Failure';
}
