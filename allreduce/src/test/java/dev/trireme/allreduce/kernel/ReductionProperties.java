package dev.trireme.allreduce.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Every dtype x operation x count, at any address, with every kind of value. */
class ReductionProperties {
  private static final int MARGIN = 16;
  private static final long GUARD = 0x5a;

  /** Nothing, odd ones, and both sides of each border between words and between blocks. */
  @Provide
  Arbitrary<Integer> counts() {
    return Arbitraries.oneOf(
        Arbitraries.of(0, 1, 2, 3, 4, 5, 7, 8, 9, 2047, 2048, 2049, 4099, 8191, 8192, 8193),
        Arbitraries.integers().between(0, 300));
  }

  @Property(tries = 1500)
  void shouldAgreeWithArithmeticOnOneElementAtATime(
      @ForAll DType dtype,
      @ForAll ReduceOp op,
      @ForAll("counts") int count,
      @ForAll @IntRange(min = 1, max = 5) int worldSize,
      @ForAll @IntRange(max = 7) int misplaced,
      @ForAll long seed) {
    Case one = new Case(dtype, op, count, worldSize, misplaced);
    try (NativeMemory.Block memory = NativeMemory.allocate(one.bytes(), 64)) {
      one.fill(memory, seed);
      one.reduction().reduceAll(one.at(memory, 0), one.places(memory), 0, 0, count);
      one.check(memory, seed);
    }
  }

  @Property(tries = 500)
  void shouldCombineTwoAsItReducesTwo(
      @ForAll DType dtype,
      @ForAll ReduceOp op,
      @ForAll("counts") int count,
      @ForAll @IntRange(max = 7) int misplaced,
      @ForAll long seed) {
    ReduceOp pair = op == ReduceOp.MEAN ? ReduceOp.SUM : op;
    Case one = new Case(dtype, pair, count, 2, misplaced);
    try (NativeMemory.Block memory = NativeMemory.allocate(one.bytes(), 64)) {
      one.fill(memory, seed);
      one.reduction().combine(one.at(memory, 0), one.at(memory, 1), count);
      one.reduction().finish(one.at(memory, 0), count, 2);
      one.check(memory, seed);
    }
  }

  private record Case(DType dtype, ReduceOp op, int count, int worldSize, int misplaced) {
    Reduction reduction() {
      return new Reductions().of(dtype, op);
    }

    private int stride() {
      return (count * dtype.bytes() + 3 * MARGIN) & -8;
    }

    long bytes() {
      return (long) stride() * worldSize + 64;
    }

    long at(NativeMemory.Block memory, int rank) {
      // Each rank's elements begin at another place within a word.
      return memory.address() + (long) rank * stride() + MARGIN + (misplaced + 3L * rank) % 8;
    }

    long[] places(NativeMemory.Block memory) {
      long[] places = new long[worldSize];
      for (int rank = 0; rank < worldSize; rank++) {
        places[rank] = at(memory, rank);
      }
      return places;
    }

    ByteBuffer view(NativeMemory.Block memory, int rank) {
      return NativeMemory.view(at(memory, rank), count * dtype.bytes());
    }

    void fill(NativeMemory.Block memory, long seed) {
      NativeMemory.fill(memory.address(), memory.bytes(), (byte) GUARD);
      for (int rank = 0; rank < worldSize; rank++) {
        ByteBuffer view = view(memory, rank);
        for (int i = 0; i < count; i++) {
          ScalarReference.put(view, dtype, i, value(dtype, seed, rank, i));
        }
      }
    }

    void check(NativeMemory.Block memory, long seed) {
      ByteBuffer result = view(memory, 0);
      long[] elements = new long[worldSize];
      for (int i = 0; i < count; i++) {
        for (int rank = 0; rank < worldSize; rank++) {
          elements[rank] = value(dtype, seed, rank, i);
        }
        long expected = ScalarReference.reduce(dtype, op, elements);
        long found = ScalarReference.get(result, dtype, i);
        boolean anyNan = op == ReduceOp.SUM || op == ReduceOp.MEAN;
        if (anyNan && ScalarReference.isNan(dtype, expected)) {
          assertThat(ScalarReference.isNan(dtype, found)).as("a NaN at %s", i).isTrue();
        } else {
          assertThat(found).as("%s at %s of %s", this, i, count).isEqualTo(expected);
        }
      }
      assertThat(NativeMemory.view(result(memory, -1), 1).get(0)).isEqualTo((byte) GUARD);
      assertThat(NativeMemory.view(result(memory, count * dtype.bytes()), 1).get(0))
          .isEqualTo((byte) GUARD);
    }

    private long result(NativeMemory.Block memory, long shift) {
      return at(memory, 0) + shift;
    }
  }

  /** Bits by chance, which are every kind of number, and the ones that are special, often. */
  private static long value(DType dtype, long seed, int rank, int index) {
    SplittableRandom random = new SplittableRandom(seed ^ 1_000_003L * index ^ 77_777_777L * rank);
    int bits = 8 * dtype.bytes();
    long mask = bits == 64 ? -1 : (1L << bits) - 1;
    if (random.nextInt(4) > 0) {
      long plain = random.nextLong() & mask;
      // Without this a third of all FLOAT16 words would hold a NaN and take the detour.
      boolean floating = dtype != DType.INT32 && dtype != DType.INT64 && dtype != DType.UINT8;
      return floating && seed % 2 == 0 ? plain & ~(1L << bits - 2) : plain;
    }
    long infinity =
        switch (dtype) {
          case FLOAT64 -> 0x7ffL << 52;
          case FLOAT32 -> 0x7f800000L;
          case BFLOAT16 -> 0x7f80;
          case FLOAT16 -> 0x7c00;
          default -> mask >>> 1;
        };
    long sign = random.nextBoolean() ? 1L << bits - 1 : 0;
    return sign
        ^ switch (random.nextInt(seed % 2 == 0 ? 4 : 6)) {
          case 0 -> 0;
          case 1 -> 1;
          case 2 -> infinity - 1;
          case 3 -> infinity >>> 1;
          case 4 -> infinity;
          default -> infinity + 1 + random.nextInt(7) & mask;
        };
  }

  @Example
  void shouldTurnEverySixteenBitsIntoAFloatAndBack() {
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT16}) {
      HalfFloats halves = new HalfFloats(dtype);
      try (NativeMemory.Block memory = NativeMemory.allocate(8 * 65536, 64)) {
        ByteBuffer all = NativeMemory.view(memory.address(), 8 * 65536);
        for (int bits = 0; bits < 65536; bits++) {
          all.putShort(2 * bits, (short) bits);
        }
        halves.widen(memory.address(), memory.address() + 4 * 65536, 65536);
        halves.narrow(memory.address() + 4 * 65536, memory.address() + 2 * 65536, 65536);
        for (int bits = 0; bits < 65536; bits++) {
          float wide = all.getFloat(4 * 65536 + 4 * bits);
          int back = all.getShort(2 * 65536 + 2 * bits) & 0xffff;
          assertThat(Float.compare(wide, ScalarReference.toFloat(dtype, bits))).isZero();
          if (Float.isNaN(wide)) {
            assertThat(ScalarReference.isNan(dtype, back)).isTrue();
          } else {
            assertThat(back).isEqualTo(bits);
          }
        }
      }
    }
  }

  @Property(tries = 300)
  void shouldRoundToTheNearestAndOfTwoToTheEven(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int count = 64 + random.nextInt(7);
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT16}) {
      try (NativeMemory.Block memory = NativeMemory.allocate(8L * count, 64)) {
        ByteBuffer all = NativeMemory.view(memory.address(), 8 * count);
        for (int i = 0; i < count; i++) {
          // Numbers, and those half-way between two neighbours or one bit beside that.
          float base = ScalarReference.toFloat(dtype, random.nextInt(65536));
          int half = dtype == DType.BFLOAT16 ? 1 << 15 : 1 << 12;
          int bits = Float.floatToRawIntBits(base);
          all.putInt(
              4 * i,
              random.nextBoolean()
                  ? bits + half + random.nextInt(3) - 1
                  : Float.floatToRawIntBits(
                      (float) Math.scalb(random.nextDouble() - 0.5, random.nextInt(48) - 28)));
        }
        new HalfFloats(dtype).narrow(memory.address(), memory.address() + 4L * count, count);
        for (int i = 0; i < count; i++) {
          long expected = ScalarReference.ofFloat(dtype, all.getFloat(4 * i));
          int found = all.getShort(4 * count + 2 * i) & 0xffff;
          if (ScalarReference.isNan(dtype, expected)) {
            assertThat(ScalarReference.isNan(dtype, found)).isTrue();
          } else {
            assertThat(found).as("%s of %s", dtype, all.getFloat(4 * i)).isEqualTo((int) expected);
          }
        }
      }
    }
  }

  @Example
  void shouldRoundASumOfManyRanksOnce() {
    // Alone, each addition of 2^-8 to 1 would be rounded away.
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT16}) {
      float small = dtype == DType.BFLOAT16 ? 0x1p-8f : 0x1p-11f;
      try (NativeMemory.Block memory = NativeMemory.allocate(16, 64)) {
        ByteBuffer two = NativeMemory.view(memory.address(), 16);
        two.putShort(0, (short) ScalarReference.ofFloat(dtype, 1));
        two.putShort(8, (short) ScalarReference.ofFloat(dtype, small));
        long[] places = new long[9];
        java.util.Arrays.fill(places, memory.address() + 8);
        new Reductions().of(dtype, ReduceOp.SUM).reduceAll(memory.address(), places, 0, 0, 1);
        assertThat(ScalarReference.toFloat(dtype, two.getShort(0))).isEqualTo(1 + 8 * small);
      }
    }
  }
}
