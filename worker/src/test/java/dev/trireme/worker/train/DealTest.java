package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.Share;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.TrainSpec.Determinism;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.BatchPart;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class DealTest {
  private static final long FEATURES = 1 << 20;
  private static final long LABELS = 1 << 24;

  @Property
  void shouldCutABatchIntoTheSameShardsOnAnyNumberOfRanks(
      @ForAll @IntRange(min = 1, max = 90) int size,
      @ForAll @IntRange(min = 1, max = 8) int worldSize,
      @ForAll @IntRange(min = 3, max = 100) int most) {
    Deal deal = new Deal(job(Determinism.ELASTIC, Optional.of(most)));
    List<Piece> pieces = pieces(deal, size, worldSize);
    assertThat(pieces).isEqualTo(pieces(deal, size, 1));
    assertThat(pieces).allSatisfy(p -> assertThat(p.size()).isLessThanOrEqualTo(most));
    assertThat(pieces.stream().mapToInt(Piece::size).sum()).isEqualTo(size);
    assertThat(pieces.stream().map(Piece::seed).distinct()).hasSameSizeAs(pieces);
  }

  /** What goes through one forward: from where in the global batch, how many, with which seed. */
  private record Piece(long begin, int size, long seed) {}

  private static List<Piece> pieces(Deal deal, int size, int worldSize) {
    List<Piece> pieces = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      Share share = deal.share(rank, worldSize);
      int begin = share.begin(size);
      Batch batch = batch(begin, share.end(size) - begin, size);
      for (BatchPart part : deal.parts(7, batch, rank, worldSize)) {
        Batch items = part.batch();
        assertThat(items.globalSize()).isEqualTo(size);
        assertThat(items.featureShape()).isEqualTo(Shape.of(items.size(), 3));
        long at = (items.features().address() - FEATURES) / 12;
        assertThat((items.labels().address() - LABELS) / 8).isEqualTo(at);
        pieces.add(new Piece(at, items.size(), part.seed()));
      }
    }
    return pieces;
  }

  /** Items of a made-up place in memory, which nobody reads. */
  private static Batch batch(int begin, int size, int globalSize) {
    return new Batch(
        Cursor.START,
        Cursor.START,
        globalSize,
        size,
        TensorBuffer.cpu(FEATURES + 12L * begin, DType.FLOAT32, 3L * size),
        Shape.of(size, 3),
        TensorBuffer.cpu(LABELS + 8L * begin, DType.INT64, size),
        Shape.of(size));
  }

  @Test
  void shouldTakeABatchWholeUnlessItHasMoreItemsThanFit() {
    Deal whole = new Deal(job(Determinism.FIXED, Optional.empty()));
    assertThat(whole.parts(1, batch(0, 45, 90), 0, 2))
        .containsExactly(new BatchPart(0, 1, batch(0, 45, 90), whole.seed(1, 0)));
    Deal micro = new Deal(job(Determinism.FIXED, Optional.of(20)));
    assertThat(micro.parts(1, batch(0, 45, 90), 0, 2))
        .extracting(p -> p.batch().size())
        .containsExactly(15, 15, 15);
    assertThat(micro.parts(1, batch(0, 0, 90), 1, 2)).hasSize(1);
  }

  private static JobSpec job(Determinism deterministic, Optional<Integer> microBatch) {
    return new JobSpec(
        "test",
        new ModelSpec(
            List.of(new LayerSpec.Linear(2, true)),
            Optional.empty(),
            Optional.empty(),
            Optional.empty()),
        Optional.empty(),
        new DataSpec(
            new DatasetSpec.Strokes(10, 1), Optional.empty(), ".", 90, 4, 1, Optional.empty()),
        new TrainSpec(
            Optional.of(1),
            Optional.empty(),
            1,
            LossKind.CROSS_ENTROPY,
            new OptimizerSpec.Sgd(0.1, 0, false, 0),
            new ScheduleSpec.Constant(),
            0,
            Optional.empty(),
            deterministic,
            8,
            microBatch,
            TrainSpec.Precision.FLOAT32),
        new ParallelSpec(
            new WorkerCount(1, 1),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.of(1),
            1024,
            1024,
            1),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()));
  }
}
