package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.GroupConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The memory that this rank made and that it opened of its peers. */
final class SharedMemories implements AutoCloseable {
  private final GroupConfig config;
  private final Map<Integer, SharedFile> own = new HashMap<>();
  private final List<SharedFile> opened = new ArrayList<>();

  SharedMemories(GroupConfig config) {
    this.config = config;
  }

  long create(int index, long bytes) {
    SharedFile file = SharedFile.create(path(config.rank(), index), config.formation(), bytes);
    own.put(index, file);
    return file.address();
  }

  long open(int peer, int index, long bytes) {
    SharedFile file = SharedFile.open(path(peer, index), config.formation(), bytes);
    opened.add(file);
    return file.address();
  }

  void seal(int index) {
    own.get(index).unlink();
  }

  @Override
  public void close() {
    own.values().forEach(SharedFile::close);
    opened.forEach(SharedFile::close);
    own.clear();
    opened.clear();
  }

  private Path path(int rank, int index) {
    return config
        .sharedDirectory()
        .resolve("generation-" + config.generation() + "-rank-" + rank + "-memory-" + index);
  }
}
