package dev.trireme.checkpoint.storage;

import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** A directory under a temporary name, renamed when it is whole. */
final class FileSystemStaging implements Staging {
  private final Path parent;
  private final WriteId id;
  private final Path directory;

  FileSystemStaging(Path parent, WriteId id) {
    this.parent = parent;
    this.id = id;
    this.directory = parent.resolve(id.stagingName());
  }

  @Override
  public WriteId id() {
    return id;
  }

  @Override
  public String location() {
    return directory.toString();
  }

  @Override
  public void create() throws IOException {
    Files.createDirectories(directory);
  }

  @Override
  public FileSink write(String file, int headBytes) throws IOException {
    FileChannel channel =
        FileChannel.open(
            directory.resolve(file),
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING);
    channel.position(headBytes);
    return new ChannelSink(channel, headBytes);
  }

  @Override
  public StoredFile open(String file) throws IOException {
    return FileSystemStorage.openFile(directory.resolve(file));
  }

  @Override
  public void syncNames() throws IOException {
    FileSystemStorage.syncDirectory(directory);
  }

  @Override
  public void keepOnly(Set<String> files) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (!files.contains(entry.getFileName().toString())) {
          FileSystemStorage.deleteTree(entry);
        }
      }
    }
  }

  @Override
  public void remove(String file) throws IOException {
    Files.deleteIfExists(directory.resolve(file));
  }

  @Override
  public List<WriteStep> publication(Supplier<byte[]> manifest) {
    Path file = directory.resolve(CheckpointNames.MANIFEST);
    Path target = parent.resolve(id.committedName());
    return List.of(
        new WriteStep(WriteBoundary.WRITE_MANIFEST, () -> Files.write(file, manifest.get())),
        new WriteStep(WriteBoundary.SYNC_MANIFEST, () -> sync(file)),
        new WriteStep(WriteBoundary.SYNC_MANIFEST_NAME, this::syncNames),
        new WriteStep(WriteBoundary.PUT_AWAY, this::putAwayPredecessor),
        new WriteStep(
            WriteBoundary.PUBLISH,
            () -> Files.move(directory, target, StandardCopyOption.ATOMIC_MOVE)),
        new WriteStep(WriteBoundary.SYNC_PUBLISHED, () -> FileSystemStorage.syncDirectory(parent)));
  }

  @Override
  public void discard() throws IOException {
    FileSystemStorage.deleteTree(directory);
  }

  /**
   * A directory cannot be renamed onto one that has files. The name it gets meanwhile still counts
   * as a checkpoint while nothing stands in its place, so that a death here loses neither.
   */
  private void putAwayPredecessor() throws IOException {
    String name = id.committedName();
    if (Files.exists(parent.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
      FileSystemStorage.putAway(parent, name, CheckpointNames.replacedName(name));
    }
  }

  private static void sync(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  private record ChannelSink(FileChannel channel, int headBytes) implements FileSink {
    @Override
    public void append(ByteBuffer from) throws IOException {
      while (from.hasRemaining()) {
        channel.write(from);
      }
    }

    @Override
    public void head(ByteBuffer from) throws IOException {
      FileSink.requireFits(from, headBytes);
      long at = 0;
      while (from.hasRemaining()) {
        at += channel.write(from, at);
      }
    }

    @Override
    public void sync() throws IOException {
      channel.force(true);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
