package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.exchange.BucketLayout.Bucket;
import dev.trireme.allreduce.exchange.BucketLayout.Need;
import dev.trireme.allreduce.exchange.BucketLayout.Slot;
import dev.trireme.api.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

class BucketLayoutTest {
  private static final long MIB = 1 << 20;

  private static Need floats(long count) {
    return new Need(DType.FLOAT32, count);
  }

  @Test
  void shouldTakeParametersFromTheLastToTheFirst() {
    BucketLayout layout = BucketLayout.of(List.of(floats(100), floats(10)), MIB, MIB);
    assertThat(layout.buckets()).containsExactly(new Bucket(DType.FLOAT32, 16 + 112, 2));
    assertThat(layout.slots()).containsExactly(new Slot(0, 16, 100), new Slot(0, 0, 10));
  }

  @Test
  void shouldCloseTheFirstBucketEarlier() {
    BucketLayout layout =
        BucketLayout.of(List.of(floats(64), floats(64), floats(64), floats(64)), 256, 512);
    assertThat(layout.buckets()).extracting(Bucket::parameters).containsExactly(1, 2, 1);
    assertThat(layout.slots()).extracting(Slot::bucket).containsExactly(2, 1, 1, 0);
  }

  @Test
  void shouldKeepDtypesApart() {
    BucketLayout layout =
        BucketLayout.of(List.of(floats(1), new Need(DType.FLOAT64, 1), floats(1)), MIB, MIB);
    assertThat(layout.buckets())
        .containsExactly(
            new Bucket(DType.FLOAT32, 16, 1),
            new Bucket(DType.FLOAT64, 8, 1),
            new Bucket(DType.FLOAT32, 16, 1));
  }

  @Test
  void shouldExchangeMostOfASmallConvolutionalNetworkBeforeItsFirstLayersAreDone() {
    // conv 1-32, conv 32-64, linear 9216-128, linear 128-10: weights and biases.
    List<Need> cnn =
        List.of(288L, 32L, 18432L, 64L, 1179648L, 128L, 1280L, 10L).stream()
            .map(BucketLayoutTest::floats)
            .toList();
    BucketLayout layout = BucketLayout.of(cnn, MIB, 25 * MIB);
    assertThat(layout.slots()).extracting(Slot::bucket).containsExactly(1, 1, 1, 1, 0, 0, 0, 0);
  }

  @Test
  void shouldHaveNoBucketWithoutParameters() {
    BucketLayout layout = BucketLayout.of(List.of(), 1, 1);
    assertThat(layout.buckets()).isEmpty();
    assertThat(layout.slots()).isEmpty();
  }

  @Test
  void shouldRefuseSizesBelowOne() {
    assertThatThrownBy(() -> BucketLayout.of(List.of(), 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 and 1 bytes");
  }
}
