package dev.trireme.checkpoint.storage;

import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Checkpoints in a directory of a file system, local or shared (NFS). What makes one visible is the
 * rename of its directory, which POSIX makes atomic; what makes it last is the fsync of its files,
 * of its directory, and of the directory above.
 */
public final class FileSystemStorage implements CheckpointStorage {
  private static final boolean DIRECTORIES_CAN_SYNC =
      !System.getProperty("os.name").startsWith("Windows");

  private final Path directory;

  /**
   * The checkpoints in {@code directory}, which need not exist yet.
   *
   * @param directory relative to the working directory, or absolute
   */
  public FileSystemStorage(Path directory) {
    this.directory = directory;
  }

  @Override
  public void prepare() throws IOException {
    try {
      Files.createDirectories(directory);
    } catch (FileAlreadyExistsException e) {
      throw new IOException(
          directory + " is not a directory, so that no checkpoints can be written to it", e);
    }
    if (!Files.isWritable(directory)) {
      throw new IOException(
          "this user may not write to " + directory + ", or it is read-only; choose another place");
    }
  }

  @Override
  public String location() {
    return directory.toString();
  }

  @Override
  public String locate(String checkpoint) {
    return directory.resolve(checkpoint).toString();
  }

  @Override
  public Contents contents() throws IOException {
    List<String> checkpoints = new ArrayList<>();
    List<WriteId> staged = new ArrayList<>();
    List<String> trash = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (!CheckpointNames.isOfCheckpoints(name) || !isDirectory(entry)) {
          continue;
        }
        Optional<String> successor = CheckpointNames.replacedOf(name);
        if (successor.isPresent()) {
          (Files.exists(directory.resolve(successor.get())) ? trash : checkpoints).add(name);
        } else if (CheckpointNames.stepOf(name).isPresent()) {
          checkpoints.add(name);
        } else if (CheckpointNames.isTrash(name)) {
          trash.add(name);
        } else {
          CheckpointNames.stagingOf(name).ifPresent(staged::add);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return new Contents(checkpoints, staged, trash);
  }

  /**
   * Unlike {@link Files#isDirectory} it does not take what it cannot look at for something else.
   */
  private static boolean isDirectory(Path entry) throws IOException {
    try {
      return Files.readAttributes(entry, BasicFileAttributes.class).isDirectory();
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  @Override
  public StoredFile openManifest(String checkpoint) throws IOException {
    return openIn(directory.resolve(checkpoint), CheckpointNames.MANIFEST);
  }

  /** A checkpoint of another generation replaces the directory as a whole. */
  @Override
  public StoredFile openShard(String checkpoint, long generation, String file) throws IOException {
    return openIn(directory.resolve(checkpoint), file);
  }

  /** What a link shows of another place goes when that does: a checkpoint holds its own bytes. */
  private static StoredFile openIn(Path checkpoint, String file) throws IOException {
    Path path = checkpoint.resolve(file);
    if (!path.toRealPath().startsWith(checkpoint.toRealPath())) {
      throw new ForeignFileException(
          path + " is a link that leads out of its checkpoint; copy the file into its place");
    }
    return openFile(path);
  }

  @Override
  public OptionalLong usableBytes() throws IOException {
    return OptionalLong.of(Files.getFileStore(directory).getUsableSpace());
  }

  @Override
  public Staging stage(WriteId id) {
    return new FileSystemStaging(directory, id);
  }

  @Override
  public void delete(String checkpoint) throws IOException {
    String trash = CheckpointNames.trashName(checkpoint);
    putAway(directory, checkpoint, trash);
    deleteTree(directory.resolve(trash));
  }

  @Override
  public void deleteTrash(String trash) throws IOException {
    deleteTree(directory.resolve(trash));
  }

  /** Renames a checkpoint; a leftover of the new name goes first. */
  static void putAway(Path directory, String checkpoint, String newName) throws IOException {
    Path target = directory.resolve(newName);
    deleteTree(target);
    Files.move(directory.resolve(checkpoint), target, StandardCopyOption.ATOMIC_MOVE);
  }

  /**
   * Opens a file for reading.
   *
   * @throws NoSuchFileException when it is not there
   */
  public static StoredFile openFile(Path path) throws IOException {
    // Opening a pipe or a device would block or worse; both can be put where a shard belongs.
    if (!Files.readAttributes(path, BasicFileAttributes.class).isRegularFile()) {
      throw new ForeignFileException(path + " is not a regular file");
    }
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      return new ChannelFile(path, channel, channel.size());
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  static void syncDirectory(Path directory) throws IOException {
    if (DIRECTORIES_CAN_SYNC) {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  /** Deletes a directory and all in it, if it is there; links are deleted, not followed. */
  static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path at, IOException e) throws IOException {
            if (e != null) {
              throw e;
            }
            Files.deleteIfExists(at);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private record ChannelFile(Path path, FileChannel channel, long size) implements StoredFile {
    @Override
    public void read(ByteBuffer to, long position) throws IOException {
      long at = position;
      while (to.hasRemaining()) {
        int count = channel.read(to, at);
        if (count < 0) {
          throw new EOFException(path + " ends at " + at);
        }
        at += count;
      }
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
