package dev.trireme.allreduce.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AllReduceBenchTest {
  @TempDir Path memory;

  @Test
  void shouldMeasureEverySizeWithoutAWrongElementAndLeaveNothing()
      throws IOException, InterruptedException {
    List<BenchRow> rows = new ArrayList<>();
    AllReduceBench.measure(
        BenchTransport.IPC,
        2,
        new long[] {4, 40_000},
        Optional.of(AllReduceAlgorithm.RING),
        memory,
        rows::add);
    assertThat(rows).extracting(BenchRow::bytes).containsExactly(4L, 40_000L);
    assertThat(rows)
        .allSatisfy(
            row -> {
              assertThat(row.wrong()).isZero();
              assertThat(row.timeUs()).isPositive();
              assertThat(row.count()).isEqualTo(row.bytes() / 4);
            });
    assertThat(memory).isEmptyDirectory();
  }

  @Test
  void shouldComputeBandwidthsAsNcclTestsDoes() {
    BenchRow row = BenchRow.of(1_000_000_000, 4, 0.5, 0);
    assertThat(row.algbwGBs()).isEqualTo(2);
    assertThat(row.busbwGBs()).isEqualTo(3);
    assertThat(row.json())
        .isEqualTo(
            "{\"bytes\":1000000000,\"count\":250000000,\"dtype\":\"float32\",\"op\":\"sum\","
                + "\"timeUs\":500000.000,\"algbwGBs\":2.0000,\"busbwGBs\":3.0000,\"wrong\":0}");
  }
}
