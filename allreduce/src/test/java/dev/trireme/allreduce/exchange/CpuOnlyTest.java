package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.LocalProcessGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.process.RankProcess;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process without a device pays nothing for those that have one. */
class CpuOnlyTest {
  @Test
  void shouldLoadNoClassOfCudaToTrainOnTheCpu(@TempDir Path directory) throws Exception {
    Path loaded = directory.resolve("loaded");
    RankProcess process =
        new RankProcess(
            0, RankProcess.java(Main.class, List.of("-Xlog:class+load:file=" + loaded), List.of()));
    process.await("DONE");
    assertThat(process.exitCode(30, TimeUnit.SECONDS)).isZero();
    assertThat(Files.readAllLines(loaded))
        .anyMatch(line -> line.contains("BucketedExchange"))
        .noneMatch(line -> line.contains("org.bytedeco.cuda"))
        .noneMatch(line -> line.contains("dev.trireme.allreduce.cuda"))
        .noneMatch(line -> line.contains("dev.trireme.allreduce.nccl"));
  }

  /** What ranks on the CPU do with this module. */
  static final class Main {
    private Main() {}

    public static void main(String[] args) {
      try (ProcessGroup alone = new LocalProcessGroup(1);
          InProcessGroups ranks = InProcessGroups.create(2)) {
        step(alone);
        ranks.onEveryRank(Main::step);
        AeronProcessGroup.recentOperations(ranks.group(0));
      }
      System.out.println("DONE");
    }

    private static Void step(ProcessGroup group) {
      try (NativeMemory.Block block = NativeMemory.allocate(4000, 64)) {
        TensorBuffer data = block.buffer(DType.FLOAT32, 1000);
        NamedTensor tensor = new NamedTensor("weight", Shape.of(1000), data);
        try (BucketedExchange exchange =
            new BucketedExchange(group, List.of(new Parameter(0, tensor)), List.of(tensor), 1, 1)) {
          exchange.begin(1, new StepSignals(new Loss(1, 1, 1), false, false));
          exchange.ready(0, data);
          exchange.await();
        }
      }
      return null;
    }
  }
}
