package dev.trireme.data;

import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;

/** Writes IDX files, right and wrong ones, for tests. */
final class IdxFiles {
  static final int HEIGHT = 3;
  static final int WIDTH = 2;

  private IdxFiles() {}

  /** The bytes of an IDX file of unsigned bytes. */
  static byte[] idx(byte[] values, int... dims) {
    return idx(0x08, values, dims);
  }

  static byte[] idx(int type, byte[] values, int... dims) {
    ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * dims.length + values.length);
    buffer.put((byte) 0).put((byte) 0).put((byte) type).put((byte) dims.length);
    for (int dim : dims) {
      buffer.putInt(dim);
    }
    return buffer.put(values).array();
  }

  /** Images of {@value #HEIGHT} x {@value #WIDTH}: pixel p of image i is 10 * i + p, as a byte. */
  static byte[] images(int items) {
    byte[] values = new byte[items * HEIGHT * WIDTH];
    for (int i = 0; i < values.length; i++) {
      values[i] = (byte) (10 * (i / (HEIGHT * WIDTH)) + i % (HEIGHT * WIDTH));
    }
    return idx(values, items, HEIGHT, WIDTH);
  }

  /** Labels {@code i % classes}. */
  static byte[] labels(int items, int classes) {
    byte[] values = new byte[items];
    for (int i = 0; i < items; i++) {
      values[i] = (byte) (i % classes);
    }
    return idx(values, items);
  }

  static byte[] gzip(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static Path write(Path directory, String name, byte[] bytes) {
    try {
      return Files.write(directory.resolve(name), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A job's data over files {@code images} and {@code labels}, without evaluation. */
  static DataSpec spec(Path directory, int batchSize) {
    return spec(directory, new DatasetSpec.Idx("images", "labels"), Optional.empty(), batchSize);
  }

  static DataSpec spec(
      Path directory, DatasetSpec train, Optional<DatasetSpec> eval, int batchSize) {
    return new DataSpec(train, eval, directory.toString(), batchSize, 4, 2, Optional.empty());
  }
}
