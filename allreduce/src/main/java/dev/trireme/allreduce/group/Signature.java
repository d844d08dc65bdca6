package dev.trireme.allreduce.group;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.Locale;

/**
 * What an operation is, in one number that ranks compare before any of them touches memory: kind (3
 * bits), dtype (4), reduction (3), algorithm (3), root (7), count (44).
 *
 * @param kind of operation
 * @param dtype of its elements
 * @param op how they are reduced; SUM where they are not
 * @param algorithm that reduces them; OWNER where nothing is reduced
 * @param root of a broadcast, else 0
 * @param count of elements, below 2^44
 */
record Signature(
    Kind kind, DType dtype, ReduceOp op, AllReduceAlgorithm algorithm, int root, long count) {
  /** The operations that ranks do together. */
  enum Kind {
    ALL_REDUCE,
    BROADCAST,
    BARRIER,
    ALLOCATE
  }

  private static final long MAX_COUNT = 1L << 44;

  Signature {
    if (count < 0 || count >= MAX_COUNT) {
      throw new IllegalArgumentException(
          count + " elements, expected less than " + MAX_COUNT + " in one operation");
    }
  }

  /** For an operation that reduces nothing and has no root. */
  static Signature plain(Kind kind, DType dtype, long count) {
    return new Signature(kind, dtype, ReduceOp.SUM, AllReduceAlgorithm.OWNER, 0, count);
  }

  long encoded() {
    long bits = kind.ordinal();
    bits = bits << 4 | dtype.ordinal();
    bits = bits << 3 | op.ordinal();
    bits = bits << 3 | algorithm.ordinal();
    bits = bits << 7 | root;
    return bits << 44 | count;
  }

  static Signature decode(long encoded) {
    return new Signature(
        Kind.values()[(int) (encoded >>> 61) & 3],
        DType.values()[(int) (encoded >>> 57) & 15],
        ReduceOp.values()[(int) (encoded >>> 54) & 7],
        AllReduceAlgorithm.values()[(int) (encoded >>> 51) & 7],
        (int) (encoded >>> 44) & 127,
        encoded & (MAX_COUNT - 1));
  }

  /** As {@code all-reduce (sum, owner) of 12 FLOAT32}. */
  @Override
  public String toString() {
    return switch (kind) {
      case ALL_REDUCE ->
          "all-reduce (" + lower(op) + ", " + lower(algorithm) + ") of " + count + " " + dtype;
      case BROADCAST -> "broadcast from rank " + root + " of " + count + " " + dtype;
      case BARRIER -> "barrier";
      case ALLOCATE -> "allocation of " + count + " " + dtype;
    };
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
