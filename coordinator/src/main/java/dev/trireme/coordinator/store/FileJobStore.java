package dev.trireme.coordinator.store;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The job store of a coordinator that shares it with no other: the same files as {@link
 * HazelcastJobStore} has, and nothing that listens.
 */
public final class FileJobStore extends EntryJobStore {
  private final StateLock lock;
  private final EntryFiles files;

  private FileJobStore(StateLock lock, EntryFiles files) {
    this.lock = lock;
    this.files = files;
  }

  /**
   * Opens the store in a directory, which it makes if absent and locks.
   *
   * @throws dev.trireme.coordinator.CoordinatorException when the directory cannot be used or
   *     another process has it
   */
  public static FileJobStore open(Path directory) {
    StateLock lock = StateLock.take(directory);
    try {
      return new FileJobStore(lock, new EntryFiles(directory.resolve(EntryFiles.MAP)));
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  @Override
  byte[] get(String key) {
    return files.load(key);
  }

  @Override
  Map<String, byte[]> getAll(Set<String> keys) {
    return files.loadAll(keys);
  }

  @Override
  void set(String key, byte[] value) {
    files.store(key, value);
  }

  @Override
  List<String> keys() {
    return files.keys();
  }

  @Override
  public void remove(String jobId) {
    files.delete(jobId);
  }

  @Override
  public void close() {
    lock.close();
  }
}
