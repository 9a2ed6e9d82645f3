/** A stage of a request's way through a thread: its name, and when it began and ended in main's monotonic time, ms. */
export type StageTime = readonly [name: string, began: number, ended: number];

/** Gets the stages of a traced request. */
export type StageSink = (stages: readonly StageTime[]) => void;

/** Notes the stages of one traced request on a thread; each begins where the one before ended. */
export class Stages {
  readonly times: StageTime[] = [];
  private last: number;

  /**
   * @param sent when main sent the request, in its time
   * @param offset what this thread's time is ahead of main's
   */
  constructor(
    sent: number,
    private readonly offset: number,
  ) {
    this.last = sent;
  }

  /** A stage ends now. */
  end(name: string): void {
    const now = performance.now() - this.offset;
    this.times.push([name, this.last, now]);
    this.last = now;
  }
}
