/**
 * Why a process cannot do its work, in one line that tells its operator what to do. No waiting mends it: the process
 * prints the line and ends.
 */
export class CannotStart extends Error {
  constructor(line: string) {
    super(line);
    this.name = 'CannotStart';
  }
}
