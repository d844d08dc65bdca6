package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which memory is read and written when, with the host in place of a device. */
class DeviceFeedTest {
  private int waits;
  private final DeviceFeed feed =
      new DeviceFeed(Device.CPU, Optional.empty(), UnaryOperator.identity(), () -> waits++);

  @BeforeAll
  static void load() {
    TorchEngine.load(1);
  }

  @AfterEach
  void close() {
    feed.close();
  }

  /**
   * Whether {@code batch} comes out of the feed with the values that stand in the host's memory.
   */
  private boolean gives(Batch batch, Batch expected) {
    return gives(feed::inputs, batch, expected);
  }

  @SuppressWarnings("try") // a scope does its work by being open
  private static boolean gives(
      Function<Batch, BatchFeed.Inputs> from, Batch batch, Batch expected) {
    try (PointerScope scope = new PointerScope()) {
      BatchFeed.Inputs inputs = from.apply(batch);
      return inputs.features().equal(Tensors.wrap(expected.features(), expected.featureShape()))
          && inputs.labels().equal(Tensors.wrap(expected.labels(), expected.labelShape()));
    }
  }

  private static void wipe(TensorBuffer buffer) {
    NativeMemory.fill(buffer.address(), buffer.byteCount(), (byte) 0);
  }

  @Test
  void shouldGiveAPreparedBatchWholeAndInPartsAfterItsMemoryHasChanged() {
    try (Items items = Items.classes(12, Shape.of(2, 3), 5, 1);
        Items same = Items.classes(12, Shape.of(2, 3), 5, 1)) {
      Batch batch = items.all();
      feed.prepare(batch);
      wipe(batch.features());
      wipe(batch.labels());
      assertThat(gives(batch, same.all())).isTrue();
      assertThat(gives(batch.slice(0, 5), same.all().slice(0, 5))).isTrue();
      assertThat(gives(batch.slice(5, 12), same.all().slice(5, 12))).isTrue();
    }
  }

  @Test
  void shouldCopyWhatNobodyPrepared() {
    try (Items items = Items.values(12, Shape.of(6), 2, 1);
        Items others = Items.values(12, Shape.of(6), 2, 2)) {
      assertThat(gives(items.all(), items.all())).isTrue();
      feed.prepare(items.all());
      assertThat(gives(others.all(), others.all())).isTrue();
      assertThat(gives(items.all(), items.all())).isTrue();
    }
  }

  @Test
  void shouldEvaluateWhatStandsInMemoryThatATrainingBatchWasPreparedFrom() {
    try (Items items = Items.classes(8, Shape.of(6), 3, 1);
        Items same = Items.classes(8, Shape.of(6), 3, 1)) {
      Batch training = items.all();
      feed.prepare(training);
      wipe(training.features());
      wipe(training.labels());
      Batch evaluation = items.all();
      assertThat(gives(feed::unprepared, evaluation, evaluation)).isTrue();
      assertThat(gives(training, same.all())).isTrue();
    }
  }

  @Test
  void shouldForgetWhatWasPreparedBecauseItsMemoryMayHoldSomethingElse() {
    try (Items items = Items.classes(8, Shape.of(6), 3, 1)) {
      feed.prepare(items.all());
      wipe(items.all().features());
      feed.forget();
      assertThat(gives(items.all(), items.all())).isTrue();
    }
  }

  @Test
  @SuppressWarnings("try") // a scope does its work by being open
  void shouldNotWriteWhereTheBatchBeforeIsStillRead() {
    try (Items items = Items.classes(24, Shape.of(6), 3, 1);
        PointerScope scope = new PointerScope()) {
      Batch first = items.batch(0, 8, 8);
      Batch second = items.batch(8, 8, 8);
      feed.prepare(first);
      Tensor read = feed.inputs(first).features();
      feed.prepare(second);
      assertThat(read.equal(Tensors.wrap(first.features(), first.featureShape()))).isTrue();
      assertThat(gives(second, second)).isTrue();
    }
  }

  @Test
  void shouldWaitBeforeItTakesThePlaceOfABatchThatNoForwardHasFollowed() {
    try (Items items = Items.classes(24, Shape.of(6), 3, 1)) {
      feed.prepare(items.batch(0, 8, 8));
      int before = waits;
      feed.prepare(items.batch(8, 8, 8));
      assertThat(waits).isEqualTo(before + 1);
      assertThat(gives(items.batch(8, 8, 8), items.batch(8, 8, 8))).isTrue();
      assertThat(gives(items.batch(0, 8, 8), items.batch(0, 8, 8))).isTrue();
    }
  }

  @Test
  void shouldKeepItsRoomForSmallerBatchesAndTakeMoreForLargerOnes() {
    try (Items items = Items.classes(24, Shape.of(6), 3, 1)) {
      for (int size : new int[] {8, 8, 3, 8, 24, 1, 0, 24, 24}) {
        Batch batch = items.batch(0, size, 24);
        feed.prepare(batch);
        assertThat(size == 0 || gives(batch, batch)).isTrue();
      }
      // Twice for the room of 8, one for each place, and twice for that of 24.
      assertThat(waits).isEqualTo(4);
    }
  }

  @Test
  void shouldHoldItsMemory() {
    try (Items items = Items.classes(24, Shape.of(6), 3, 1)) {
      for (int i = 0; i < 3; i++) {
        feed.prepare(items.all());
        assertThat(gives(items.all(), items.all())).isTrue();
      }
      long objects = Pointer.totalCount();
      for (int i = 0; i < 100; i++) {
        feed.prepare(items.batch(0, 24 - i % 5, 24));
        gives(items.batch(0, 3, 24), items.batch(0, 3, 24));
      }
      // What tests before this one left to the collector may go meanwhile, so it may be fewer.
      assertThat(Pointer.totalCount()).isLessThanOrEqualTo(objects);
    }
  }

  @Test
  void shouldDoWithoutAStreamOfItsOwnWhereLibtorchHasNoneToGive() {
    assertThat(CopyStream.open(new Device(Device.Kind.CUDA, 0))).isEmpty();
  }
}
