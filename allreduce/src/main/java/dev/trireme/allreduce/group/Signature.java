package dev.trireme.allreduce.group;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.Locale;

/**
 * What an operation is, in one number that ranks compare before any of them touches memory: kind (4
 * bits), dtype (3), reduction (2), algorithm (4), root (7), count (44).
 *
 * @param kind of operation
 * @param dtype of its elements
 * @param op how they are reduced; SUM where they are not
 * @param algorithm that reduces them; OWNER where nothing is reduced
 * @param root of an operation that has one, else 0
 * @param count of elements, below 2^44
 */
record Signature(
    Kind kind, DType dtype, ReduceOp op, AllReduceAlgorithm algorithm, int root, long count) {
  /** The operations that ranks do together. */
  enum Kind {
    ALL_REDUCE,
    BROADCAST,
    BARRIER,
    ALLOCATE,
    REDUCE_SCATTER,
    ALL_GATHER,
    REDUCE,
    GATHER,
    SCATTER,
    ALL_TO_ALL,
    /** Between two ranks only. */
    MESSAGE
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
    bits = bits << 3 | dtype.ordinal();
    bits = bits << 2 | op.ordinal();
    bits = bits << 4 | algorithm.ordinal();
    bits = bits << 7 | root;
    return bits << 44 | count;
  }

  static Signature decode(long encoded) {
    return new Signature(
        Kind.values()[(int) (encoded >>> 60) & 15],
        DType.values()[(int) (encoded >>> 57) & 7],
        ReduceOp.values()[(int) (encoded >>> 55) & 3],
        AllReduceAlgorithm.values()[(int) (encoded >>> 51) & 15],
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
      case REDUCE_SCATTER -> "reduce-scatter (" + lower(op) + ") of " + count + " " + dtype;
      case ALL_GATHER -> "all-gather of " + count + " " + dtype;
      case REDUCE -> "reduce (" + lower(op) + ") to rank " + root + " of " + count + " " + dtype;
      case GATHER -> "gather to rank " + root + " of " + count + " " + dtype;
      case SCATTER -> "scatter from rank " + root + " of " + count + " " + dtype;
      case ALL_TO_ALL -> "all-to-all of " + count + " " + dtype;
      case MESSAGE -> "message of " + count + " " + dtype;
    };
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
