package dev.trireme.checkpoint;

import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;

/**
 * Sees every act of a write before it is done, and may stop it: how tests and drills let a process
 * fail or die at a chosen boundary. Called on the checkpointer's thread.
 */
@FunctionalInterface
public interface WriteProbe {
  /** Lets everything pass. */
  WriteProbe NONE = boundary -> {};

  /**
   * Called before the act.
   *
   * @throws IOException to make the act fail
   */
  void before(WriteBoundary boundary) throws IOException;
}
