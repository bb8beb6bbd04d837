/** What is sent to one server, made ready so that only sending and answering is timed. */
export interface Load {
  /** Sends it so many times; seconds until the last was answered. Rejects where an answer was not the right one. */
  run(operations: number): Promise<number>;
  /** Operations of a round: what makes it long enough is found between these two. */
  readonly fewest: number;
  readonly most: number;
}
