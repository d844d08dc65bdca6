package dev.trireme.data;

import dev.trireme.api.tensor.Shape;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The beginning of an IDX file: two zero bytes, a byte for the element type, a byte for the number
 * of dimensions, and each dimension as a 32-bit big-endian number; the values follow, row-major.
 * Source: the page of the MNIST database (LeCun, Cortes, Burges).
 *
 * @param dims the sizes, the number of items first
 */
record IdxHeader(List<Integer> dims) {
  static final int MAGIC_BYTES = 4;

  /** As many as an array can have, so that items can be numbered by an {@code int}. */
  private static final long MOST_ITEMS = Integer.MAX_VALUE - 8;

  /** As floats they are 1 GiB. */
  private static final long MOST_VALUES_PER_ITEM = 1L << 28;

  private static final int UNSIGNED_BYTE = 0x08;
  private static final Map<Integer, String> OTHER_TYPES =
      Map.of(
          0x09, "signed bytes",
          0x0B, "16-bit integers",
          0x0C, "32-bit integers",
          0x0D, "32-bit floats",
          0x0E, "64-bit floats");

  IdxHeader {
    dims = List.copyOf(dims);
  }

  /** What a file is meant to hold, and how its header must look for that. */
  enum Role {
    IMAGES("images", "labels", "0x00000803"),
    LABELS("labels", "images", "0x00000801");

    private final String noun;
    private final String other;
    private final String usualMagic;

    Role(String noun, String other, String usualMagic) {
      this.noun = noun;
      this.other = other;
      this.usualMagic = usualMagic;
    }

    private boolean takes(int dimensions) {
      return this == LABELS ? dimensions == 1 : dimensions >= 2;
    }

    @Override
    public String toString() {
      return noun;
    }
  }

  /** A header that is not one: the message goes behind the file's name. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  /**
   * The number of dimensions that the first four bytes announce.
   *
   * @param magic exactly four bytes
   * @throws Malformed when they do not begin an IDX file of unsigned bytes fit for {@code role}
   */
  static int dimensions(byte[] magic, Role role) throws Malformed {
    int type = magic[2] & 0xFF;
    int dimensions = magic[3] & 0xFF;
    boolean idx = magic[0] == 0 && magic[1] == 0;
    if (idx && OTHER_TYPES.containsKey(type)) {
      throw new Malformed(
          "expected unsigned bytes (type byte 0x08), found "
              + OTHER_TYPES.get(type)
              + String.format(" (type byte 0x%02x)", type)
              + "; convert the values to bytes in 0..255");
    }
    if (!idx || type != UNSIGNED_BYTE || dimensions == 0) {
      throw new Malformed(
          "expected the magic number of IDX "
              + role
              + ", "
              + role.usualMagic
              + String.format(", found 0x%08x", ByteBuffer.wrap(magic).getInt())
              + FileKind.guess(magic).map(kind -> ", which looks like " + kind).orElse("")
              + "; name an IDX file, plain or gzipped");
    }
    if (!role.takes(dimensions)) {
      throw new Malformed(
          "expected "
              + role
              + (role == Role.LABELS ? " (1 dimension)" : " (2 dimensions or more)")
              + String.format(", found magic 0x%08x, ", ByteBuffer.wrap(magic).getInt())
              + count(dimensions, "dimension")
              + ": it looks like a file of "
              + role.other
              + "; are 'images' and 'labels' swapped?");
    }
    return dimensions;
  }

  /**
   * Reads the dimensions that follow the magic number.
   *
   * @param bytes four for each dimension
   * @throws Malformed when one is 0 or they are too large
   */
  static IdxHeader of(byte[] bytes) throws Malformed {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    List<Long> dims = new ArrayList<>();
    while (buffer.hasRemaining()) {
      dims.add(buffer.getInt() & 0xFFFFFFFFL);
    }
    int zero = dims.indexOf(0L);
    if (zero >= 0) {
      throw new Malformed(
          "dimension " + zero + " of " + new Shape(dims) + " is 0: there is no item in it");
    }
    if (dims.get(0) > MOST_ITEMS) {
      throw new Malformed(
          "its header promises " + dims.get(0) + " items, expected at most " + MOST_ITEMS);
    }
    long values = 1;
    for (long dim : dims.subList(1, dims.size())) {
      // Both factors are below 2^32 and the first stays below 2^29, so that no product overflows.
      values *= dim;
      if (values > MOST_VALUES_PER_ITEM) {
        throw new Malformed(
            "its header promises items of "
                + new Shape(dims.subList(1, dims.size()))
                + ", expected at most "
                + MOST_VALUES_PER_ITEM
                + " values an item");
      }
    }
    return new IdxHeader(dims.stream().map(Long::intValue).toList());
  }

  /** The number of items. */
  int items() {
    return dims.get(0);
  }

  /** Values of one item: 1 for labels. */
  int valuesPerItem() {
    return dims.stream().skip(1).reduce(1, (a, b) -> a * b);
  }

  /** Bytes from the beginning of the file to the first value. */
  long headerBytes() {
    return MAGIC_BYTES + 4L * dims.size();
  }

  /** Bytes of the whole file, uncompressed. */
  long fileBytes() {
    return headerBytes() + (long) items() * valuesPerItem();
  }

  /** The shape of an item; a grey image of height x width gets one channel in front. */
  Shape itemShape() {
    Shape item = new Shape(dims.subList(1, dims.size()).stream().map(Integer::longValue).toList());
    return item.rank() == 2 ? item.prepend(1) : item;
  }

  private static String count(int number, String noun) {
    return number + " " + noun + (number == 1 ? "" : "s");
  }
}
