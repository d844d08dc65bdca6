package dev.trireme.allreduce.transport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.agrona.BufferUtil;
import org.agrona.IoUtil;

/**
 * A file that the ranks of one host map, one of them having made it: a page of header, then the
 * data. The header says whose it is, so that a file of another formation is never taken for it.
 *
 * <p>Room is reserved by writing zeros before the file is mapped: a full file system then is an
 * error here, where it would end the process with SIGBUS on the first touch of a mapped page that
 * has no memory behind it.
 */
final class SharedFile implements AutoCloseable {
  /** The largest data a file can hold: Java maps at most 2 GiB at once. */
  static final long MAX_BYTES = Integer.MAX_VALUE - 8191L;

  private static final int HEADER_BYTES = 4096;

  /** Touched at once: some milliseconds' worth. */
  private static final int LOAD_BYTES = 4 << 20;

  private static final long MAGIC = 0x5452_4952_454D_4531L;

  private final Path path;
  private final MappedByteBuffer mapping;
  private boolean named;

  private SharedFile(Path path, MappedByteBuffer mapping, boolean named) {
    this.path = path;
    this.mapping = mapping;
    this.named = named;
  }

  /**
   * Makes the file, of zeros, with every page there and mapped.
   *
   * @param tick called every few milliseconds; what it throws ends this and leaves no file
   * @throws IllegalStateException when there is no room for it
   */
  static SharedFile create(Path path, long formation, long bytes, Runnable tick) {
    requireRoom(path, bytes);
    Set<OpenOption> options =
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(path, options, ownerOnly(path))) {
      try {
        channel.write(header(formation, bytes), 0);
        reserve(channel, HEADER_BYTES + bytes, tick);
        return new SharedFile(path, map(channel, bytes, tick), true);
      } catch (IOException | RuntimeException | Error e) {
        Files.deleteIfExists(path);
        throw e;
      }
    } catch (IOException e) {
      throw new IllegalStateException(
          "cannot make the shared memory "
              + path
              + " of "
              + bytes
              + " bytes ("
              + e.getMessage()
              + "); "
              + free(path)
              + " bytes are free there",
          e);
    }
  }

  /**
   * Maps a file that another rank has made.
   *
   * @param tick as in {@link #create}
   * @throws IllegalStateException when it is missing or is not the one expected
   */
  static SharedFile open(Path path, long formation, long bytes, Runnable tick) {
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer found = ByteBuffer.allocate(3 * Long.BYTES);
      channel.read(found, 0);
      found.flip();
      if (!found.equals(header(formation, bytes)) || channel.size() < HEADER_BYTES + bytes) {
        throw new IllegalStateException(
            path + " is not the shared memory of " + bytes + " bytes of this formation");
      }
      return new SharedFile(path, map(channel, bytes, tick), false);
    } catch (IOException e) {
      throw new IllegalStateException("cannot open a peer's shared memory " + path + ": " + e, e);
    }
  }

  /** Where the data begins, aligned to a page. */
  long address() {
    return BufferUtil.address(mapping) + HEADER_BYTES;
  }

  /** Takes the file's name away; its memory lives as long as somebody has it mapped. */
  void unlink() {
    if (named) {
      named = false;
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot delete " + path, e);
      }
    }
  }

  /** Unmaps it, and deletes it if it still has a name. */
  @Override
  public void close() {
    unlink();
    IoUtil.unmap(mapping);
  }

  private static void requireRoom(Path path, long bytes) {
    if (bytes > MAX_BYTES) {
      throw new IllegalStateException(
          "asked for "
              + bytes
              + " bytes of shared memory in one piece, at most "
              + MAX_BYTES
              + " are possible; lower parallel.bucketSize or split the parameter");
    }
    long free = free(path);
    if (free < HEADER_BYTES + bytes) {
      throw new IllegalStateException(
          "no room for "
              + (HEADER_BYTES + bytes)
              + " bytes of shared memory in "
              + path.getParent()
              + ": "
              + free
              + " bytes are free; make that file system larger (in a container: --shm-size) or"
              + " remove what lies there");
    }
  }

  private static long free(Path path) {
    try {
      return Files.getFileStore(path.getParent()).getUsableSpace();
    } catch (IOException e) {
      throw new IllegalStateException(
          "the directory for shared memory, " + path.getParent() + ", cannot be used: " + e, e);
    }
  }

  private static FileAttribute<?>[] ownerOnly(Path path) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
        }
        : new FileAttribute<?>[0];
  }

  private static ByteBuffer header(long formation, long bytes) {
    return ByteBuffer.allocate(3 * Long.BYTES)
        .putLong(MAGIC)
        .putLong(formation)
        .putLong(bytes)
        .flip();
  }

  private static void reserve(FileChannel channel, long end, Runnable tick) throws IOException {
    ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 20);
    try {
      long at = HEADER_BYTES;
      while (at < end) {
        zeros.clear().limit((int) Math.min(zeros.capacity(), end - at));
        at += channel.write(zeros, at);
        tick.run();
      }
    } finally {
      IoUtil.unmap(zeros);
    }
  }

  /** Every page is read once, so that no first collective pays for page faults. */
  private static MappedByteBuffer map(FileChannel channel, long bytes, Runnable tick)
      throws IOException {
    MappedByteBuffer all = channel.map(FileChannel.MapMode.READ_WRITE, 0, HEADER_BYTES + bytes);
    try {
      for (int at = 0; at < all.capacity(); at += LOAD_BYTES) {
        all.slice(at, Math.min(LOAD_BYTES, all.capacity() - at)).load();
        tick.run();
        if (at > all.capacity() - LOAD_BYTES) {
          break;
        }
      }
      return all;
    } catch (RuntimeException | Error e) {
      IoUtil.unmap(all);
      throw e;
    }
  }
}
