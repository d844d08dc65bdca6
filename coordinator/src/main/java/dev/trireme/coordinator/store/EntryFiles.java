package dev.trireme.coordinator.store;

import com.hazelcast.map.MapStore;
import dev.trireme.coordinator.CoordinatorException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A map's entries as files of a directory, one each. An entry is written beside its place, forced
 * to disk, and then renamed into it, and the directory is forced too: whatever is interrupted, a
 * file holds either the old value or the new one. No other account can read them.
 */
final class EntryFiles implements MapStore<String, byte[]> {
  /** Where in a state directory they lie. */
  static final String MAP = "state";

  private static final String SUFFIX = ".entry";
  private static final String TEMPORARY = ".tmp";

  private final Path directory;

  /**
   * @throws CoordinatorException when the directory cannot be made
   */
  EntryFiles(Path directory) {
    this.directory = directory;
    try {
      PrivateFiles.makeDirectory(directory);
      PrivateFiles.narrow(directory);
    } catch (IOException e) {
      throw failure("make", directory, e);
    }
  }

  @Override
  public void store(String key, byte[] value) {
    Path file = file(key);
    Path temporary = file.resolveSibling(file.getFileName() + TEMPORARY);
    try {
      try (FileChannel channel = PrivateFiles.create(temporary)) {
        ByteBuffer buffer = ByteBuffer.wrap(value);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        channel.force(true);
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
      forceDirectory();
    } catch (IOException e) {
      throw failure("write", file, e);
    }
  }

  @Override
  public void storeAll(Map<String, byte[]> entries) {
    entries.forEach(this::store);
  }

  @Override
  public void delete(String key) {
    try {
      Files.deleteIfExists(file(key));
      forceDirectory();
    } catch (IOException e) {
      throw failure("delete", file(key), e);
    }
  }

  @Override
  public void deleteAll(Collection<String> keys) {
    keys.forEach(this::delete);
  }

  @Override
  public byte[] load(String key) {
    try {
      return Files.readAllBytes(file(key));
    } catch (NoSuchFileException e) {
      return null; // What Hazelcast asks for where there is no entry.
    } catch (IOException e) {
      throw failure("read", file(key), e);
    }
  }

  @Override
  public Map<String, byte[]> loadAll(Collection<String> keys) {
    Map<String, byte[]> entries = new HashMap<>();
    for (String key : keys) {
      byte[] value = load(key);
      if (value != null) {
        entries.put(key, value);
      }
    }
    return entries;
  }

  /**
   * Null, which means: read an entry when it is asked for. Hazelcast polls for half a second to
   * find that some keys have been loaded.
   */
  @Override
  public Iterable<String> loadAllKeys() {
    return null;
  }

  /** The keys of the entries that are there. */
  List<String> keys() {
    List<String> keys = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        keys.add(name.substring(0, name.length() - SUFFIX.length()));
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw failure("read", directory, e);
    }
    return keys;
  }

  /** Where an entry lies. */
  Path file(String key) {
    if (!key.matches("[A-Za-z0-9._-]{1,128}")) {
      throw new IllegalArgumentException("no key of the job store: '" + key + "'");
    }
    return directory.resolve(key + SUFFIX);
  }

  /** A rename is durable only when its directory is. */
  private void forceDirectory() throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static CoordinatorException failure(String what, Path path, Exception e) {
    return new CoordinatorException(
        "cannot "
            + what
            + " "
            + path
            + " of the job store ("
            + e.getClass().getSimpleName()
            + ": "
            + e.getMessage()
            + "); is the disk full, or the directory another user's?",
        e);
  }
}
