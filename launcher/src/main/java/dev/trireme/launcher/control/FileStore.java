package dev.trireme.launcher.control;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Files that users ship to a cluster, by the SHA-256 of what is in them: {@code DIR/HASH/NAME}.
 * What is there is whole and never changes; it comes in pieces, under another name, and gets its
 * own when the hash is right. The directory lies beside the runs, where all coordinators and hosts
 * see it.
 *
 * <p>Nothing is ever deleted, for a job may be resumed years later; what all files may take is
 * bounded instead, and the error says where to make room.
 *
 * <p>Threading: any; two who write the same file write the same bytes. Blocks as the disk does.
 */
public final class FileStore {
  /** Most bytes of a piece. */
  public static final int MAX_PIECE = 4 << 20;

  /** Most bytes of a file. */
  static final long MAX_FILE = 8L << 30;

  private static final long MAX_ALL = 64L << 30;
  private static final String UNFINISHED = ".part";

  private final Path directory;

  /**
   * @param directory made with the first file
   */
  public FileStore(Path directory) {
    this.directory = directory.toAbsolutePath().normalize();
  }

  /**
   * Where a file is, if it is there whole.
   *
   * @throws IllegalArgumentException when these cannot be a hash and a name
   */
  public Optional<Path> find(String hash, String name) {
    return Optional.of(place(hash, name)).filter(Files::isRegularFile);
  }

  /**
   * Takes a piece of a file. Repeating it changes nothing.
   *
   * @param offset of the piece; pieces come in order
   * @param size of the whole file
   * @return where the file is, once this was the last piece
   * @throws IllegalArgumentException when the request makes no sense, or what has come is not what
   *     the hash says: it is thrown away then
   * @throws IOException when it cannot be written, or there is no room
   */
  Optional<Path> write(String hash, String name, long offset, long size, byte[] piece)
      throws IOException {
    Path file = place(hash, name);
    if (size > MAX_FILE || offset < 0 || offset + piece.length > size) {
      throw new IllegalArgumentException(
          "expected a piece of a file of at most %d bytes, found bytes %d to %d of %d"
              .formatted(MAX_FILE, offset, offset + piece.length, size));
    }
    if (Files.isRegularFile(file)) {
      return Optional.of(file);
    }
    Files.createDirectories(file.getParent());
    Path part = file.resolveSibling(name + UNFINISHED);
    if (offset == 0) {
      requireRoom(size);
    }
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      if (offset > channel.size()) {
        throw new IllegalArgumentException(
            "expected byte " + channel.size() + " next, found " + offset + "; ship it again");
      }
      ByteBuffer bytes = ByteBuffer.wrap(piece);
      while (bytes.hasRemaining()) {
        channel.write(bytes, offset + bytes.position());
      }
      if (offset + piece.length < size) {
        return Optional.empty();
      }
      channel.truncate(size);
      channel.force(true);
    }
    commit(part, file, hash);
    return Optional.of(file);
  }

  private static void commit(Path part, Path file, String hash) throws IOException {
    String found = Sha256.of(part);
    if (!found.equals(hash)) {
      Files.deleteIfExists(part);
      throw new IllegalArgumentException(
          "expected a file with the SHA-256 " + hash + ", found " + found + "; ship it again");
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private void requireRoom(long size) throws IOException {
    long taken = KeptFile.in(directory).stream().mapToLong(KeptFile::bytes).sum();
    if (taken + size > MAX_ALL) {
      throw new IOException(
          "shipped files take %d of at most %d bytes, no room for %d more; delete what no job needs in %s"
              .formatted(taken, MAX_ALL, size, directory));
    }
    long free = Files.getFileStore(directory).getUsableSpace();
    if (size > free) {
      throw new IOException(
          "no room for %d bytes in %s, where %d are free".formatted(size, directory, free));
    }
  }

  private Path place(String hash, String name) {
    if (!hash.matches("[0-9a-f]{64}")) {
      throw new IllegalArgumentException("expected a SHA-256 in hexadecimal, found '" + hash + "'");
    }
    if (!name.matches("[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}") || name.endsWith(UNFINISHED)) {
      throw new IllegalArgumentException("expected a plain name of a file, found '" + name + "'");
    }
    return directory.resolve(hash).resolve(name);
  }
}
