package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.cuda.Cuda;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.group.FlightRecorder;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Operations on a stream of the stand-in's, of which NCCL knows nothing. */
@Timeout(60)
class NcclPipelineTest {
  private static final int DEVICE = 2;
  private static final NativeMemory.Block BLOCK = NativeMemory.allocate(8, 8);

  @AfterAll
  static void free() {
    BLOCK.close();
  }

  @Test
  void shouldLetTheDeadlineOfAnOperationBeginThoughTheOneBeforeEndsWhileItIsIssued() {
    Standins.load();
    NcclConfig config = NcclGroups.config(0, 1, DEVICE, NcclUniqueId.create(), NcclGroups.TIMEOUT);
    Cuda.use(config.device());
    CudaMemory memory = new CudaMemory(config.device());
    NcclRunner runner = new NcclRunner(config, memory, NcclStart.meeting(config));
    NcclPipeline pipeline =
        new NcclPipeline(
            config, memory, new NcclCommunicator(), new FlightRecorder(System.nanoTime()));
    pipeline.open();
    NcclOperation first = operation(runner, pipeline, 1);
    NcclOperation second = operation(runner, pipeline, 2);
    pipeline.issue(first, () -> {});
    pipeline.issue(
        second,
        () -> {
          while (!first.isDone()) {
            pipeline.finishSome();
          }
        });
    assertThat(first.isDone()).isTrue();
    assertThat(second.headNanos(System.nanoTime())).as("its time runs").isPositive();
    pipeline.close(List.of());
  }

  /** The stand-in never ends what it is called for. */
  @ParameterizedTest(name = "skips: {0}")
  @ValueSource(booleans = {true, false})
  void shouldReduceASingleRankInPlaceWithoutNcclWhereItMay(boolean skips) {
    Standins.load();
    Standins.faults("hang 0 0\n");
    NcclConfig alone = NcclGroups.config(0, 1, DEVICE, NcclUniqueId.create(), NcclGroups.TIMEOUT);
    NcclConfig config =
        new NcclConfig(
            0, 1, 7, alone.device(), alone.uniqueId(), alone.timeout(), Duration.ZERO, skips);
    try (NcclProcessGroup group = NcclProcessGroup.join(config)) {
      TensorBuffer host = group.allocate(DType.FLOAT32, 1000);
      TestBuffers.fill(host, 3);
      double[] before = TestBuffers.read(host);
      Work reduced = group.allReduce(host, ReduceOp.MEAN);
      Work met = group.barrier();
      if (skips) {
        reduced.await();
        met.await();
        assertThat(TestBuffers.read(host)).isEqualTo(before);
      } else {
        assertThat(reduced.await(Duration.ofMillis(50))).isFalse();
      }
      Work copied = group.allGather(host, group.allocate(DType.FLOAT32, 1000));
      assertThat(copied.await(Duration.ofMillis(50))).as("not in place").isFalse();
    } finally {
      Standins.faults("");
    }
  }

  /** Of a byte in the host's memory, so that there is something to issue. */
  private static NcclOperation operation(NcclRunner runner, NcclPipeline pipeline, int number) {
    TensorBuffer some = BLOCK.buffer(DType.UINT8, 8);
    NcclCall call = new NcclCall("a copy", some, NcclCall.NOTHING, (comm, in, out, stream) -> {});
    NcclOperation made = new NcclOperation(runner, call, number, "", pipeline.event());
    made.ready().recordCompute();
    return made;
  }
}
