package dev.trireme.data;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Guesses from its first bytes what a file is that was taken for something else. */
final class FileKind {
  private record Signature(String kind, byte[] begins) {
    Signature(String kind, int... begins) {
      this(kind, bytes(begins));
    }

    private static byte[] bytes(int... values) {
      byte[] bytes = new byte[values.length];
      for (int i = 0; i < values.length; i++) {
        bytes[i] = (byte) values[i];
      }
      return bytes;
    }
  }

  private static final List<Signature> SIGNATURES =
      List.of(
          new Signature("gzip", 0x1F, 0x8B),
          new Signature("a zip archive", 'P', 'K', 3, 4),
          new Signature("xz", 0xFD, '7', 'z', 'X'),
          new Signature("zstd", 0x28, 0xB5, 0x2F, 0xFD),
          new Signature("bzip2", 'B', 'Z', 'h'),
          new Signature("a PNG image", 0x89, 'P', 'N', 'G'),
          new Signature("a JPEG image", 0xFF, 0xD8, 0xFF),
          new Signature("a NumPy array", 0x93, 'N', 'U', 'M'),
          new Signature("HDF5", 0x89, 'H', 'D', 'F'),
          new Signature("Parquet", 'P', 'A', 'R', '1'));

  private FileKind() {}

  /**
   * A few words for what begins like this; empty when nothing is known.
   *
   * @param begin the first four bytes of a file
   */
  static Optional<String> guess(byte[] begin) {
    for (Signature signature : SIGNATURES) {
      if (startsWith(begin, signature.begins())) {
        return Optional.of(signature.kind());
      }
    }
    String text = new String(begin, StandardCharsets.ISO_8859_1);
    if (text.startsWith("<")) {
      return Optional.of("HTML or XML: perhaps an error page saved in place of the download");
    }
    if (text.startsWith("vers")) {
      return Optional.of("a Git LFS pointer: run 'git lfs pull' to get the file itself");
    }
    if (text.chars().allMatch(c -> c >= ' ' && c < 127 || c == '\n' || c == '\r' || c == '\t')) {
      return Optional.of("text");
    }
    return Optional.empty();
  }

  private static boolean startsWith(byte[] bytes, byte[] prefix) {
    for (int i = 0; i < prefix.length; i++) {
      if (i >= bytes.length || bytes[i] != prefix[i]) {
        return false;
      }
    }
    return true;
  }
}
