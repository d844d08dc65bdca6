package dev.trireme.checkpoint;

import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;

/**
 * Makes writes fail as on a full disk, for a while: a drill for disks that must not be filled. It
 * ends by itself.
 *
 * <p>Threading: any thread.
 */
public final class LackOfRoom implements WriteProbe {
  /** Those acts for which a file system needs room. */
  private static final Set<WriteBoundary> TAKE_ROOM =
      EnumSet.of(
          WriteBoundary.CHECK_SPACE,
          WriteBoundary.WRITE_SHARD_HEADER,
          WriteBoundary.WRITE_SHARD_DATA,
          WriteBoundary.WRITE_MANIFEST);

  private volatile long until = System.nanoTime();

  /** From now on and for so long there is no room. */
  public void lasts(Duration time) {
    until = System.nanoTime() + time.toNanos();
  }

  @Override
  public void before(WriteBoundary boundary) throws IOException {
    if (TAKE_ROOM.contains(boundary) && until - System.nanoTime() > 0) {
      throw new IOException("No space left on device, as trireme chaos wants it");
    }
  }
}
