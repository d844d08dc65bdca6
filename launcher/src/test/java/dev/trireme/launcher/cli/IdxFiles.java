package dev.trireme.launcher.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes small data files in the IDX format, right ones and wrong ones. */
final class IdxFiles {
  static final int ITEMS = 20;

  private IdxFiles() {}

  /** 20 images of 28x28 and their labels 0..9, as {@code images} and {@code labels}. */
  static void writeGood(Path directory) throws IOException {
    Files.write(directory.resolve("images"), images(ITEMS));
    Files.write(directory.resolve("labels"), labels(ITEMS));
  }

  static byte[] images(int items) {
    ByteBuffer bytes = ByteBuffer.allocate(16 + items * 28 * 28);
    return bytes.putInt(0x00000803).putInt(items).putInt(28).putInt(28).array();
  }

  static byte[] labels(int items) {
    ByteBuffer bytes = ByteBuffer.allocate(8 + items);
    bytes.putInt(0x00000801).putInt(items);
    for (int i = 0; i < items; i++) {
      bytes.put((byte) (i % 10));
    }
    return bytes.array();
  }
}
