package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.tensor.Shape;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class OutOfMemoryTest {
  /** As libtorch 2.10 says it on a device. */
  private static final String ON_DEVICE =
      "CUDA out of memory. Tried to allocate 1024.00 GiB. GPU 0 has a total capacity of 139.80 GiB"
          + " of which 138.97 GiB is free. Including non-PyTorch memory, this process has 800.00"
          + " MiB memory in use. \nException raised from malloc at Allocator.cpp:1 (frames)";

  @BeforeAll
  static void load() {
    TorchEngine.load(1);
  }

  @Test
  void shouldSayWhatADeviceWasAskedForAndWhatWouldFit() {
    try (Items items = Items.classes(64, Shape.of(6), 3, 1)) {
      RuntimeException layer = Failures.at("layers[3] (linear)", new RuntimeException(ON_DEVICE));
      EngineException explained = OutOfMemory.explained("forward", layer, items.batch(0, 50, 64));
      assertThat(explained)
          .hasMessageStartingWith(
              "forward of 50 of a batch's 64 items: the device is out of memory: 1024.00 GiB were"
                  + " asked for, of its 139.80 GiB there are 138.97 GiB free")
          .hasMessageContaining("train.microBatch: 25")
          .hasMessageContaining("layers[3] (linear)")
          .hasCause(layer);
      assertThat(explained.getMessage()).doesNotContain("frames");
      assertThat(OutOfMemory.explained("forward", layer, items.batch(0, 1, 64)))
          .hasMessageContaining("not even one item fits");
    }
  }

  @Test
  void shouldNameTheOptimizerWhereItsOwnMemoryDoesNotFit() {
    assertThat(OutOfMemory.explained("optimizer", new RuntimeException(ON_DEVICE)))
        .hasMessageStartingWith(
            "optimizer: the device is out of memory: 1024.00 GiB were asked for, of its 139.80 GiB")
        .hasMessageContaining("sgd without momentum");
    assertThat(OutOfMemory.explained("optimizer", new RuntimeException("no")))
        .hasMessage("optimizer: no");
  }

  @Test
  void shouldLeaveOtherFailuresAsTheyAre() {
    try (Items items = Items.classes(64, Shape.of(6), 3, 1)) {
      assertThat(OutOfMemory.explained("forward", new RuntimeException("no"), items.all()))
          .hasMessage("forward: no");
    }
  }

  @Test
  void shouldExplainAModelThatDoesNotFitIntoTheHost() {
    // 2^47 bytes of weights: more than a process can address.
    Jobs jobs = Jobs.layers(new LayerSpec.Linear(1 << 30, false));
    assertThatThrownBy(
            () ->
                TorchEngine.load(1)
                    .replica(
                        jobs.spec(), Jobs.data(Shape.of(1 << 15), 3), getClass().getClassLoader()))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("the host is out of memory: 134217728 MiB were asked for");
  }
}
