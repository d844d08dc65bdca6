package dev.trireme.checkpoint.storage;

import java.io.IOException;
import java.util.Objects;

/**
 * One small act of writing a checkpoint. A write is a list of them, so that a test or a drill can
 * stop before each.
 *
 * @param boundary which act it is
 * @param action does it, blocking on the storage
 */
public record WriteStep(WriteBoundary boundary, Action action) {
  public WriteStep {
    Objects.requireNonNull(boundary, "boundary");
    Objects.requireNonNull(action, "action");
  }

  /** What an act does. */
  @FunctionalInterface
  public interface Action {
    /** Does it. */
    void run() throws IOException;
  }
}
