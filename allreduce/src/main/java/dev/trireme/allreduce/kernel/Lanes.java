package dev.trireme.allreduce.kernel;

import dev.trireme.api.tensor.DType;
import org.agrona.UnsafeApi;

/**
 * Elements as lanes of a 64-bit word: eight of 8 bits, four of 16, two of 32, one of 64. Java 17
 * has no loop over native memory that its compiler vectorises, and ranks run with the first
 * compiler alone; arithmetic on whole words treats several elements with each instruction, without
 * a branch for the processor to guess wrong.
 *
 * <p>Source of the tricks: Warren, "Hacker's Delight", 2nd edition (2012), chapter 2; Lamport,
 * "Multiple byte processing with full-word instructions", Comm. ACM 18 (1975).
 */
final class Lanes {
  private Lanes() {}

  /** What is done with a word of the destination and one of the source. */
  abstract static class WordReduction implements Reduction {
    private final int width;

    WordReduction(DType dtype) {
      this.width = dtype.bytes();
    }

    /** Combines {@code words} whole words. */
    abstract void words(long destination, long source, long words);

    /** Combines one word. */
    abstract long word(long a, long b);

    @Override
    public final void combine(long destination, long source, long count) {
      long bytes = count * width;
      words(destination, source, bytes >>> 3);
      int rest = (int) (bytes & 7);
      if (rest != 0) {
        long at = bytes - rest;
        long combined = word(Lanes.load(destination + at, rest), Lanes.load(source + at, rest));
        Lanes.store(destination + at, rest, combined);
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {}
  }

  /** The top bit of every lane. */
  static long tops(int bits) {
    return ones(bits) << (bits - 1);
  }

  /** The lowest bit of every lane. */
  static long ones(int bits) {
    long ones = 0;
    for (int at = 0; at < 64; at += bits) {
      ones |= 1L << at;
    }
    return ones;
  }

  /** The {@code bytes} bytes at an address as the low bytes of a word, 1 to 7 of them. */
  static long load(long address, int bytes) {
    long word = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      word = word << 8 | UnsafeApi.getByte(address + i) & 0xff;
    }
    return word;
  }

  /** The way back from {@link #load}. */
  static void store(long address, int bytes, long word) {
    for (int i = 0; i < bytes; i++) {
      UnsafeApi.putByte(address + i, (byte) (word >>> 8 * i));
    }
  }
}
