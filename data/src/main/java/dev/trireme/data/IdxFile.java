package dev.trireme.data;

import dev.trireme.api.data.DataException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * One IDX file, plain or gzipped (told by its first bytes, not by its name), whose header and
 * length have been checked.
 *
 * <p>A gzipped file ends in the length of what it holds (RFC 1952, modulo 2^32). Where that agrees
 * with the header, checking stops there; where not, the whole stream is read to say what is wrong.
 * So a check of a sound file reads a few bytes; values inside that are damaged without a change of
 * length are found by {@link #read}, through the checksum of the stream.
 */
final class IdxFile {
  private static final int CHUNK_BYTES = 1 << 16;

  /** How far past its promised end a file is read to say how long it is. */
  private static final long PATIENCE_BYTES = 1 << 24;

  private final String name;
  private final Path path;
  private final boolean gzip;
  private final IdxHeader header;

  private IdxFile(String name, Path path, boolean gzip, IdxHeader header) {
    this.name = name;
    this.path = path;
    this.gzip = gzip;
    this.header = header;
  }

  /** Takes values as they are read, from first to last. */
  @FunctionalInterface
  interface Sink {
    /**
     * @param offset of the first value among all values of the file
     * @param length how many of {@code chunk} are meant
     */
    void accept(long offset, byte[] chunk, int length);
  }

  /**
   * Checks a file's header and length.
   *
   * @param key where the job spec names the file, for messages
   * @throws DataException when it is not what {@code role} needs
   */
  static IdxFile check(String key, Path path, IdxHeader.Role role) {
    String name = key + ": " + path;
    requireFile(name, path);
    try {
      long size = Files.size(path);
      if (size == 0) {
        throw new DataException(
            name + " is empty, expected an IDX file of " + role + "; copy or download it again");
      }
      boolean gzip = isGzip(path);
      IdxFile file = new IdxFile(name, path, gzip, readHeader(name, path, gzip, size, role));
      file.checkLength(size);
      return file;
    } catch (IOException e) {
      throw failed(name, e);
    }
  }

  IdxHeader header() {
    return header;
  }

  /** The key and the path, as messages begin. */
  String name() {
    return name;
  }

  /**
   * Reads all values. Blocks.
   *
   * @throws DataException when the file is damaged or its length is not what its header says
   */
  void read(Sink sink) {
    long expected = header.fileBytes();
    long position = header.headerBytes();
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = open(path, gzip)) {
      in.skipNBytes(position);
      while (position < expected) {
        int length = in.read(chunk, 0, (int) Math.min(chunk.length, expected - position));
        if (length < 0) {
          throw truncated(position);
        }
        sink.accept(position - header.headerBytes(), chunk, length);
        position += length;
      }
      // Also makes gzip compare its checksum.
      if (in.read() >= 0) {
        throw tooLong("at least " + (expected + 1));
      }
    } catch (EOFException e) {
      throw truncated(position);
    } catch (IOException e) {
      throw failed(name, e);
    }
  }

  private static void requireFile(String name, Path path) {
    if (Files.isDirectory(path)) {
      throw new DataException(
          name + " is a directory, expected an IDX file; name the file inside it");
    }
    if (Files.notExists(path)) {
      throw new DataException(name + " does not exist; " + mendMissing(path));
    }
    if (!Files.isRegularFile(path)) {
      throw new DataException(name + " is not a regular file, expected an IDX file");
    }
    if (!Files.isReadable(path)) {
      throw new DataException(
          name + " cannot be read: permission denied; give this user the right to read it");
    }
  }

  private static String mendMissing(Path path) {
    String file = path.getFileName().toString();
    String twin = file.endsWith(".gz") ? file.substring(0, file.length() - 3) : file + ".gz";
    if (Files.isRegularFile(path.resolveSibling(twin))) {
      return "did you mean '" + twin + "', which is there?";
    }
    Path directory = path.toAbsolutePath().getParent();
    return (Files.isDirectory(directory) ? "there is no such file in " : "there is no directory ")
        + directory
        + "; set data.path to the directory that holds the files";
  }

  private static boolean isGzip(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      return in.read() == 0x1F && in.read() == 0x8B;
    }
  }

  private static InputStream open(Path path, boolean gzip) throws IOException {
    InputStream raw = Files.newInputStream(path);
    if (!gzip) {
      return raw;
    }
    try {
      return new GZIPInputStream(raw, CHUNK_BYTES);
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  private static IdxHeader readHeader(
      String name, Path path, boolean gzip, long size, IdxHeader.Role role) throws IOException {
    try (InputStream in = open(path, gzip)) {
      byte[] magic = in.readNBytes(IdxHeader.MAGIC_BYTES);
      if (magic.length < IdxHeader.MAGIC_BYTES) {
        throw headerCut(name, gzip, magic.length, IdxHeader.MAGIC_BYTES);
      }
      int dimensionBytes = 4 * IdxHeader.dimensions(magic, role);
      byte[] dimensions = in.readNBytes(dimensionBytes);
      if (dimensions.length < dimensionBytes) {
        throw headerCut(
            name, gzip, magic.length + dimensions.length, IdxHeader.MAGIC_BYTES + dimensionBytes);
      }
      return IdxHeader.of(dimensions);
    } catch (IdxHeader.Malformed e) {
      throw new DataException(name + (gzip ? " (gzip): " : ": ") + e.getMessage());
    } catch (EOFException e) {
      throw new DataException(
          name
              + " is truncated: the gzip stream of "
              + size
              + " bytes ends inside its header; copy or download it again",
          e);
    }
  }

  private static DataException headerCut(String name, boolean gzip, int found, int expected) {
    return new DataException(
        name
            + " is truncated: expected a header of "
            + expected
            + " bytes, found "
            + found
            + (gzip ? " after decompression" : "")
            + "; copy or download it again");
  }

  private void checkLength(long size) throws IOException {
    long expected = header.fileBytes();
    if (gzip) {
      if (gzipLength(size) != (expected & 0xFFFFFFFFL)) {
        scanLength();
      }
    } else if (size < expected) {
      throw truncated(size);
    } else if (size > expected) {
      throw tooLong(String.valueOf(size));
    }
  }

  /** The length that the end of the stream states, modulo 2^32. */
  private long gzipLength(long size) throws IOException {
    ByteBuffer trailer = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      while (trailer.hasRemaining()) {
        if (channel.read(trailer, size - trailer.remaining()) < 0) {
          throw new EOFException();
        }
      }
    }
    return trailer.getInt(0) & 0xFFFFFFFFL;
  }

  private void scanLength() throws IOException {
    long expected = header.fileBytes();
    long found = 0;
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = open(path, true)) {
      int length;
      while ((length = in.read(chunk)) >= 0) {
        found += length;
        if (found > expected + PATIENCE_BYTES) {
          throw tooLong("at least " + found);
        }
      }
    } catch (EOFException e) {
      throw truncated(found);
    }
    if (found < expected) {
      throw truncated(found);
    }
    if (found > expected) {
      throw tooLong(String.valueOf(found));
    }
  }

  private DataException truncated(long found) {
    return new DataException(
        name
            + " is truncated: its header promises "
            + promise()
            + ", found "
            + found
            + "; copy or download it again");
  }

  private DataException tooLong(String found) {
    return new DataException(
        name
            + " is too long: its header promises "
            + promise()
            + ", found "
            + found
            + "; copy or download it again, or mend the item count in its header");
  }

  private String promise() {
    return header.items()
        + " items of "
        + header.valuesPerItem()
        + (header.valuesPerItem() == 1 ? " byte, " : " bytes, ")
        + header.fileBytes()
        + " bytes in all"
        + (gzip ? " after decompression" : "");
  }

  private static DataException failed(String name, IOException e) {
    if (e instanceof ZipException) {
      return new DataException(
          name
              + " is damaged: its gzip stream is invalid ("
              + e.getMessage()
              + "); copy or download it again",
          e);
    }
    return new DataException(
        name
            + " cannot be read: "
            + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
        e);
  }
}
