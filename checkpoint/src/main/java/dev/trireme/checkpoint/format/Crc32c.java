package dev.trireme.checkpoint.format;

import dev.trireme.api.tensor.NativeMemory;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * The hash of stored bytes: CRC-32C (Castagnoli; RFC 3720, appendix B.4). It finds damage, not
 * malice; the JVM computes it with the processor's own instruction, faster than any disk delivers.
 *
 * @param value the 32 bits
 */
public record Crc32c(int value) {
  private static final String PREFIX = "crc32c:";
  private static final int DIGITS = 8;

  /** How long every {@link #toString} is. */
  public static final int TEXT_LENGTH = PREFIX.length() + DIGITS;

  private static final int CHUNK_BYTES = 1 << 30;

  /** The hash of these bytes. */
  public static Crc32c of(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return new Crc32c((int) crc.getValue());
  }

  /** The hash of {@code bytes} bytes of native memory. One pass. */
  public static Crc32c of(long address, long bytes) {
    CRC32C crc = new CRC32C();
    for (long at = 0; at < bytes; at += CHUNK_BYTES) {
      ByteBuffer chunk = NativeMemory.view(address + at, (int) Math.min(CHUNK_BYTES, bytes - at));
      crc.update(chunk);
    }
    return new Crc32c((int) crc.getValue());
  }

  /**
   * Reads what {@link #toString} writes.
   *
   * @throws IllegalArgumentException when it is anything else
   */
  public static Crc32c parse(String text) {
    if (text.length() == TEXT_LENGTH && text.startsWith(PREFIX)) {
      String digits = text.substring(PREFIX.length());
      if (digits.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
        return new Crc32c(HexFormat.fromHexDigits(digits));
      }
    }
    throw new IllegalArgumentException(
        "expected a hash as 'crc32c:1a2b3c4d', found '" + Bounds.excerpt(text) + "'");
  }

  /** As {@code crc32c:1a2b3c4d}. */
  @Override
  public String toString() {
    return PREFIX + HexFormat.of().toHexDigits(value);
  }
}
