package dev.trireme.api.train;

import dev.trireme.api.data.Cursor;

/**
 * How far a job has come.
 *
 * @param step the number of steps applied, 0 before the first
 * @param cursor where the next batch begins
 */
public record Progress(long step, Cursor cursor) {
  /** Nothing done yet. */
  public static final Progress START = new Progress(0, Cursor.START);

  public Progress {
    if (step < 0) {
      throw new IllegalArgumentException("step is " + step + ", expected 0 or more");
    }
  }

  /** One step further. */
  public Progress next(Cursor after) {
    return new Progress(step + 1, after);
  }
}
