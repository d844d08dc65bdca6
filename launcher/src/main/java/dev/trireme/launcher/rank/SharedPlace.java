package dev.trireme.launcher.rank;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Proves before the first step that the ranks of several hosts see one and the same directory of
 * checkpoints: each writes its part of a checkpoint, and where they went to different disks no
 * checkpoint would ever be whole. Rank 0 makes a file whose name nobody can have seen before, and
 * all look for it.
 *
 * <p>Blocking: as two collectives do.
 */
final class SharedPlace {
  private static final Logger LOG = LoggerFactory.getLogger(SharedPlace.class);

  private SharedPlace() {}

  /**
   * @param place of the checkpoints
   * @param host this rank's, for people
   * @throws CheckpointException on every rank that does not see what rank 0 has written
   * @throws dev.trireme.api.collective.CollectiveException when the formation has broken
   */
  static void require(ProcessGroup group, Path place, String host) {
    Optional<Path> own = Optional.empty();
    String wrong = "";
    long token = ThreadLocalRandom.current().nextLong() | 1;
    if (group.rank() == 0) {
      try {
        Files.createDirectories(place);
        own = Optional.of(Files.createFile(marker(place, token)));
      } catch (IOException e) {
        wrong = "cannot write to it: " + e;
      }
    }
    try {
      long name = fromRankZero(group, wrong.isEmpty() ? token : 0);
      if (group.rank() != 0 && name != 0 && !Files.exists(marker(place, name))) {
        wrong = "what rank 0 has written there is not seen";
      }
      // Nobody takes the file away before all have looked, nor leaves before all have been told.
      group.barrier().await();
      group.confirm();
    } finally {
      own.ifPresent(SharedPlace::delete);
    }
    if (!wrong.isEmpty()) {
      throw new CheckpointException(
          "checkpoints lie in "
              + place
              + ", and on host "
              + host
              + " "
              + wrong
              + ": name a directory that all hosts of the job share (checkpoint.path, or the"
              + " coordinator's runs)");
    }
  }

  private static Path marker(Path place, long token) {
    return place.resolve(".shared-" + HexFormat.of().toHexDigits(token));
  }

  private static long fromRankZero(ProcessGroup group, long value) {
    try (NativeMemory.Block block = NativeMemory.allocate(Long.BYTES, 64)) {
      TensorBuffer buffer = TensorBuffer.cpu(block.address(), DType.INT64, 1);
      NativeMemory.view(block.address(), Long.BYTES)
          .order(ByteOrder.nativeOrder())
          .putLong(0, value);
      group.broadcast(buffer, 0).await();
      return NativeMemory.view(block.address(), Long.BYTES)
          .order(ByteOrder.nativeOrder())
          .getLong(0);
    }
  }

  private static void delete(Path marker) {
    try {
      Files.deleteIfExists(marker);
    } catch (IOException e) {
      // An empty file with a dot before its name, which no reader of checkpoints looks at.
      LOG.warn("cannot delete {}: {}", marker, e.toString());
    }
  }
}
