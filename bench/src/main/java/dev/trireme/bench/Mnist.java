package dev.trireme.bench;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * MNIST in memory as the loop wants it.
 *
 * @param images float32, N x 1 x 28 x 28, normalised by the mean and deviation of the training set
 * @param labels int64, N
 */
record Mnist(Tensor images, Tensor labels) {
  private static final int SIDE = 28;
  private static final double MEAN = 0.1307;
  private static final double DEVIATION = 0.3081;

  /**
   * Reads the gzipped IDX files {@code PART-images-idx3-ubyte.gz} and {@code
   * PART-labels-idx1-ubyte.gz}.
   *
   * @param part {@code train} or {@code t10k}
   */
  static Mnist read(Path data, String part) throws IOException {
    Tensor labels = bytes(data.resolve(part + "-labels-idx1-ubyte.gz"), 1).to(ScalarType.Long);
    Tensor pixels = bytes(data.resolve(part + "-images-idx3-ubyte.gz"), 3).to(ScalarType.Float);
    Tensor images =
        pixels
            .div_(new Scalar(255.0))
            .sub_(new Scalar(MEAN))
            .div_(new Scalar(DEVIATION))
            .view(labels.size(0), 1, SIDE, SIDE);
    return new Mnist(images, labels);
  }

  int size() {
    return (int) labels.size(0);
  }

  private static Tensor bytes(Path file, int dimensions) throws IOException {
    try (DataInputStream in =
        new DataInputStream(new GZIPInputStream(Files.newInputStream(file), 1 << 16))) {
      int magic = in.readInt();
      if (magic != 0x0800 + dimensions) {
        throw new IOException(
            String.format("%s: expected an IDX file of bytes, found magic %#x", file, magic));
      }
      for (int i = 0; i < dimensions; i++) {
        in.readInt();
      }
      byte[] values = in.readAllBytes();
      // Cloned, because from_blob does not keep its memory alive.
      try (BytePointer pointer = new BytePointer(values)) {
        return torch
            .from_blob(pointer, new long[] {values.length}, new TensorOptions(ScalarType.Byte))
            .clone();
      }
    }
  }
}
