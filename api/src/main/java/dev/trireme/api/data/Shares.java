package dev.trireme.api.data;

import java.util.Optional;

/**
 * Which share of each global batch a rank gets, where that is not always the same.
 *
 * <p>Threading: asked on the thread that reads, in order of the batches.
 */
@FunctionalInterface
public interface Shares {
  /**
   * Its share of the batch that begins here; empty where it gets none of it.
   *
   * <p>Blocking: until that is known.
   *
   * @throws InterruptedException when the stream is closed meanwhile
   */
  Optional<Share> of(Cursor from) throws InterruptedException;

  /** The same share of every batch. */
  static Shares always(Share share) {
    return from -> Optional.of(share);
  }
}
