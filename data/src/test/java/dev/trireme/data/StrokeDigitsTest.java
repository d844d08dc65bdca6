package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.job.DatasetSpec;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

class StrokeDigitsTest {
  private static final int PIXELS = 28 * 28;

  /** Of the first thousand items of seed 1: changes with every change of how digits are drawn. */
  private static final long GOLDEN = 3799887945L;

  @Test
  void shouldDrawTheSameOnEveryMachine() {
    CRC32 crc = new CRC32();
    byte[] pixels = new byte[PIXELS];
    StrokeDigits digits = digits(1000, 1);
    for (int item = 0; item < 1000; item++) {
      crc.update(digits.read(item, pixels));
      crc.update(pixels);
    }
    assertThat(crc.getValue()).isEqualTo(GOLDEN);
  }

  @Test
  void shouldDrawAnItemWhateverTheNumberOfItemsAndTheOrderOfReads() {
    byte[] alone = new byte[PIXELS];
    byte[] later = new byte[PIXELS];
    int label = digits(8, 5).read(7, alone);
    StrokeDigits many = digits(1_000_000, 5);
    many.read(999_999, later);
    assertThat(many.read(7, later)).isEqualTo(label);
    assertThat(later).isEqualTo(alone);
  }

  @Test
  void shouldDrawOtherItemsFromAnotherSeed() {
    Set<String> seen = new HashSet<>();
    byte[] pixels = new byte[PIXELS];
    for (long seed = 0; seed < 3; seed++) {
      for (int item = 0; item < 500; item++) {
        digits(500, seed).read(item, pixels);
        seen.add(Arrays.toString(pixels));
      }
    }
    assertThat(seen).hasSize(1500);
  }

  @Test
  void shouldDrawAllDigitsEquallyOften() {
    int[] counts = new int[10];
    byte[] pixels = new byte[PIXELS];
    StrokeDigits digits = digits(5000, 3);
    IntStream.range(0, 5000).forEach(item -> counts[digits.read(item, pixels)]++);
    // 500 are due to each; the deviation of a count is 21.
    assertThat(counts)
        .satisfies(c -> assertThat(Arrays.stream(c).min().orElse(0)).isGreaterThan(400));
    assertThat(counts).satisfies(c -> assertThat(Arrays.stream(c).max().orElse(0)).isLessThan(600));
  }

  @Test
  void shouldPutInkInsideThePicture() {
    byte[] pixels = new byte[PIXELS];
    StrokeDigits digits = digits(500, 4);
    for (int item = 0; item < 500; item++) {
      digits.read(item, pixels);
      long bright = IntStream.range(0, PIXELS).filter(i -> (pixels[i] & 0xFF) > 100).count();
      assertThat(bright).as("bright pixels of item %d", item).isBetween(8L, (long) PIXELS / 2);
    }
  }

  @Test
  void shouldServeSeveralThreads() {
    StrokeDigits digits = digits(2000, 6);
    byte[][] alone = new byte[2000][PIXELS];
    IntStream.range(0, 2000).forEach(item -> digits.read(item, alone[item]));
    assertThat(
            IntStream.range(0, 2000)
                .parallel()
                .allMatch(
                    item -> {
                      byte[] pixels = new byte[PIXELS];
                      digits.read(item, pixels);
                      return Arrays.equals(pixels, alone[item]);
                    }))
        .isTrue();
  }

  @Test
  void shouldRefuseItemOutsideTheSet() {
    assertThatThrownBy(() -> digits(10, 1).read(10, new byte[PIXELS]))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  private static StrokeDigits digits(int items, long seed) {
    return new StrokeDigits("data.train", new DatasetSpec.Strokes(items, seed));
  }
}
