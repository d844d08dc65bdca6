package dev.trireme.api.data;

/**
 * How far training has come through the data: the items {@code [0, position)} of the epoch's order
 * have been trained on. Part of the committed state, and independent of the world size.
 *
 * @param epoch counted from 0
 * @param position in items within the epoch, at least 0
 */
public record Cursor(int epoch, long position) {
  /** Before the first item of the first epoch. */
  public static final Cursor START = new Cursor(0, 0);

  public Cursor {
    if (epoch < 0 || position < 0) {
      throw new IllegalArgumentException(
          "no place in the data: epoch " + epoch + ", position " + position);
    }
  }
}
