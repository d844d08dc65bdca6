package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.exchange.BucketTuning.Sizes;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.fake.Diary;
import dev.trireme.api.fake.FakeGroup;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BucketTuningTest {
  private static TreeMap<Long, Double> times(double... seconds) {
    TreeMap<Long, Double> times = new TreeMap<>();
    for (int i = 0; i < seconds.length; i++) {
      times.put(65_536L << i, seconds[i]);
    }
    return times;
  }

  @Test
  void shouldTakeTheSmallestSizesAtHalfAndAtNineTenthsOfTheBestRate() {
    // A rendezvous takes as long as 256 KiB: half of the rate is reached there, 0.89 at 2 MiB.
    double[] seconds = new double[8];
    for (int i = 0; i < seconds.length; i++) {
      seconds[i] = (262_144 + (65_536L << i)) / 1e9;
    }
    assertThat(BucketTuning.choose(times(seconds)))
        .as("the best rate is that of 8 MiB, 0.97 of the limit")
        .isEqualTo(new Sizes(256 << 10, 2 << 20));
    assertThat(BucketTuning.choose(times(1, 2, 4, 8)))
        .as("the rate is the same everywhere")
        .isEqualTo(new Sizes(64 << 10, 64 << 10));
    assertThat(BucketTuning.choose(times(1, 1, 1, 4)))
        .as("too large for the cache")
        .isEqualTo(new Sizes(128 << 10, 256 << 10));
    assertThat(BucketTuning.choose(times(1))).isEqualTo(new Sizes(64 << 10, 64 << 10));
  }

  @Property
  void shouldChooseFromWhatWasMeasuredAndTheFirstNoLarger(
      @ForAll @Size(min = 1, max = 10) List<@DoubleRange(min = 0.01, max = 100) Double> seconds) {
    TreeMap<Long, Double> times =
        times(seconds.stream().mapToDouble(Double::doubleValue).toArray());
    Sizes sizes = BucketTuning.choose(times);
    assertThat(times).containsKeys(sizes.first(), sizes.others());
    assertThat(sizes.first()).isLessThanOrEqualTo(sizes.others());
  }

  @Test
  void shouldAgreeOnAllRanksAndStayWithinTheGradients() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      List<Sizes> small = ranks.onEveryRank(group -> BucketTuning.measure(group, Device.CPU, 1000));
      assertThat(small).containsOnly(new Sizes(64 << 10, 64 << 10));
      List<Sizes> larger =
          ranks.onEveryRank(group -> BucketTuning.measure(group, Device.CPU, 300 << 10));
      assertThat(larger).containsOnly(larger.get(0));
      assertThat(larger.get(0).others()).isBetween(64L << 10, 512L << 10);
    }
  }

  /** As over NCCL, where a peer has given up: operations end well, with rubbish. */
  private static ProcessGroup rubbish(FakeGroup group) {
    return (ProcessGroup)
        Proxy.newProxyInstance(
            ProcessGroup.class.getClassLoader(),
            new Class<?>[] {ProcessGroup.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("confirm")) {
                throw new CollectiveException(Cause.PEER_LOST, 1, "rank 1 is gone");
              } else if (method.getName().equals("allReduce")) {
                TensorBuffer buffer = (TensorBuffer) arguments[0];
                NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()))
                    .putDouble(0, Double.NaN);
              }
              return method.isDefault()
                  ? InvocationHandler.invokeDefault(proxy, method, arguments)
                  : method.invoke(group, arguments);
            });
  }

  @Test
  void shouldDecideNothingByWhatIsNotConfirmed() {
    try (FakeGroup group = new FakeGroup(new Diary())) {
      assertThatThrownBy(() -> BucketTuning.measure(rubbish(group), Device.CPU, 300 << 10))
          .isInstanceOf(CollectiveException.class)
          .hasMessage("rank 1 is gone");
    }
  }
}
