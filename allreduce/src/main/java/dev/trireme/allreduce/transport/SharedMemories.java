package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.agrona.IoUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The memory that this rank made and that it opened of its peers. */
final class SharedMemories implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedMemories.class);

  private final GroupConfig config;
  private final Map<Integer, SharedFile> own = new HashMap<>();
  private final List<SharedFile> opened = new ArrayList<>();
  private Runnable tick = () -> {};

  SharedMemories(GroupConfig config) {
    this.config = config;
  }

  /** See {@link Transport#whileSlow}. */
  void whileSlow(Runnable called) {
    tick = called;
  }

  long create(int index, long bytes) {
    SharedFile file =
        SharedFile.create(path(config.rank(), index), config.formation(), bytes, tick);
    own.put(index, file);
    return file.address();
  }

  /**
   * A file keeps its name until all ranks have opened it; without one, its owner has given it up or
   * died, and another has taken it away since. Then this rank is not to blame, and who is will be
   * told by others.
   */
  long open(int peer, int index, long bytes) {
    Path path = path(peer, index);
    try {
      SharedFile file = SharedFile.open(path, config.formation(), bytes, tick);
      opened.add(file);
      return file.address();
    } catch (IllegalStateException e) {
      if (Files.exists(path)) {
        throw e;
      }
      throw new CollectiveException(
          Cause.ABORTED,
          -1,
          "generation "
              + config.generation()
              + ": the shared memory of rank "
              + peer
              + " was gone before rank "
              + config.rank()
              + " had opened it: that rank has died or given the group up");
    }
  }

  void seal(int index) {
    own.get(index).unlink();
  }

  /**
   * Deletes what a dead peer has left: a file keeps its name until all ranks have opened it, and
   * one that was killed before could not take it away.
   */
  void deleteOf(int peer) {
    String prefix = prefix(peer);
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(config.sharedDirectory(), prefix + "*")) {
      for (Path each : left) {
        Files.deleteIfExists(each);
      }
      IoUtil.delete(NetworkDriver.directory(config, peer).toFile(), true);
    } catch (IOException | DirectoryIteratorException e) {
      LOG.debug("cannot delete what rank {} left in {}", peer, config.sharedDirectory(), e);
    }
  }

  private String prefix(int rank) {
    return "generation-" + config.generation() + "-rank-" + rank + "-memory-";
  }

  @Override
  public void close() {
    own.values().forEach(SharedFile::close);
    opened.forEach(SharedFile::close);
    own.clear();
    opened.clear();
  }

  private Path path(int rank, int index) {
    return config.sharedDirectory().resolve(prefix(rank) + index);
  }
}
