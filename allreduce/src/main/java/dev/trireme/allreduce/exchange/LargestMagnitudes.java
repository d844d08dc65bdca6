package dev.trireme.allreduce.exchange;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Arrays;
import org.agrona.UnsafeApi;

/**
 * Finds the k elements of largest magnitude. The bits of a float32 without its sign are in the
 * order of magnitudes, NaNs above all, so the k-th largest is found digit by digit: three passes
 * that count how often each digit occurs among the elements that share the digits found so far, 11
 * and twice 10 bits. A fourth pass takes the elements above it and, of those equal to it, the first
 * ones. No element is moved, nothing depends on chance.
 *
 * <p>From one step to the next the k-th largest changes little. So one pass first collects, with
 * their places, the elements that are not far below the last one; where these are at least k, and
 * not too many, the four passes go over them alone. The result is the same, for whatever is among
 * the k largest is among them. How far below is halved when there were too many and doubled when
 * there were too few.
 *
 * <p>Cost: n reads in most steps and 5 n in the others; memory for 8 k elements and their places,
 * none where k is more than an eighth of n. Threading: one thread at a time.
 */
final class LargestMagnitudes implements AutoCloseable {
  private static final int[] SHIFTS = {20, 10, 0};
  private static final int[] SIZES = {1 << 11, 1 << 10, 1 << 10};

  /** So many times k candidates are kept at most. */
  private static final int CANDIDATES = 8;

  /** By so much the bits of a float32 change over an octave. */
  private static final int OCTAVE = 1 << 23;

  private final int[] counts = new int[1 << 11];
  private final int k;
  private final int most;
  private final NativeMemory.Block places;
  private final NativeMemory.Block values;
  private boolean known;
  private int lastLeast;
  private int below = OCTAVE / 4;

  /**
   * @param count of elements to choose from, fewer than 2^31
   * @param k how many to find, between 1 and {@code count}
   */
  LargestMagnitudes(long count, int k) {
    this.k = k;
    this.most = (long) CANDIDATES * k <= count ? CANDIDATES * k : 0;
    this.places = NativeMemory.allocate(4L * most, 64);
    this.values = NativeMemory.allocate(4L * most, 64);
  }

  /**
   * Takes the k largest out of {@code from}, leaving zeros, and writes their places (int) and
   * values (float), by place.
   *
   * @param from of float32, as many as were said when this was made
   */
  void move(TensorBuffer from, long toPlaces, long toValues) {
    int candidates = known && most > 0 ? collect(from, Math.max(0, lastLeast - below)) : 0;
    if (candidates >= k) {
      take(values.buffer(DType.FLOAT32, candidates), from, true, toPlaces, toValues);
    } else {
      take(from, from, false, toPlaces, toValues);
    }
  }

  /** The number of elements of at least this magnitude, which are then kept; 0 where too many. */
  private int collect(TensorBuffer from, int least) {
    int found = 0;
    int count = Math.toIntExact(from.count());
    long at = from.address();
    for (int i = 0; i < count; i++, at += 4) {
      int bits = UnsafeApi.getInt(at);
      if ((bits & 0x7fffffff) >= least) {
        if (found == most) {
          below = Math.max(1, below / 2);
          return 0;
        }
        UnsafeApi.putInt(places.address() + 4L * found, i);
        UnsafeApi.putInt(values.address() + 4L * found, bits);
        found++;
      }
    }
    if (found < k) {
      below = Math.min(64 * OCTAVE, 2 * below);
    }
    return found;
  }

  /**
   * Takes the k largest.
   *
   * @param among these
   * @param from where they are taken out
   * @param collected whether {@code among} are candidates, whose places are known
   */
  private void take(
      TensorBuffer among, TensorBuffer from, boolean collected, long toPlaces, long toValues) {
    int least = 0;
    int wanted = k;
    for (int digit = 0; digit < SHIFTS.length; digit++) {
      count(among, digit, least);
      int value = SIZES[digit] - 1;
      while (counts[value] < wanted) {
        wanted -= counts[value--];
      }
      least |= value << SHIFTS[digit];
    }
    known = true;
    lastLeast = least;
    int taken = 0;
    for (int i = 0; taken < k; i++) {
      int bits = UnsafeApi.getInt(among.address() + 4L * i);
      int magnitude = bits & 0x7fffffff;
      if (magnitude > least || magnitude == least && wanted-- > 0) {
        int place = collected ? UnsafeApi.getInt(places.address() + 4L * i) : i;
        UnsafeApi.putInt(toPlaces + 4L * taken, place);
        UnsafeApi.putInt(toValues + 4L * taken, bits);
        UnsafeApi.putInt(from.address() + 4L * place, 0);
        taken++;
      }
    }
  }

  /** Counts the values of a digit among the elements whose digits above it are those of least. */
  private void count(TensorBuffer among, int digit, int least) {
    Arrays.fill(counts, 0);
    int shift = SHIFTS[digit];
    int mask = SIZES[digit] - 1;
    int above = digit == 0 ? 31 : SHIFTS[digit - 1];
    long end = among.address() + among.byteCount();
    for (long at = among.address(); at < end; at += 4) {
      int magnitude = UnsafeApi.getInt(at) & 0x7fffffff;
      if (digit == 0 || magnitude >>> above == least >>> above) {
        counts[magnitude >>> shift & mask]++;
      }
    }
  }

  @Override
  public void close() {
    places.close();
    values.close();
  }
}
