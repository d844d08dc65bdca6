package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AllReduceCommandTest {
  @Test
  void shouldPrintARowForEachSizeUnderTheColumnsOfNcclTests() {
    CliRun run = CliRun.of("bench", "allreduce", "--ranks", "2", "-b", "4k", "-e", "1m", "-f", "4");
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    String[] lines = run.out().split("\\R");
    assertThat(lines[0].trim().split(" +"))
        .containsExactly("size", "count", "type", "redop", "time(us)", "algbw", "busbw", "#wrong");
    assertThat(lines).hasSize(6);
    assertThat(lines[1].trim().split(" +"))
        .containsExactly("4096", "1024", "float32", "sum", "1000.00", "1.500", "1.500", "0");
    assertThat(lines[5].trim()).startsWith("1048576 ");
    assertThat(lines).allSatisfy(line -> assertThat(line).hasSameSizeAs(lines[0]));
    assertThat(run.err()).startsWith("2 ranks over ipc, float32 sums, algorithm auto; ");
  }

  @Test
  void shouldWriteTheQuickestAlgorithmsAsRowsThatAJobCanName(@TempDir Path directory)
      throws Exception {
    Path file = directory.resolve("algorithms.yaml");
    CliRun run =
        CliRun.of("bench", "allreduce", "-n", "2", "-e=1m", "--tune", "--out", file.toString());
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    // Everything takes 1 ms here, so nothing takes the place of what is chosen untuned.
    assertThat(Files.readString(file))
        .startsWith("# Measured by trireme bench allreduce --tune: 2 ranks, ")
        .endsWith("- ranks: 2\n  upTo: 2k\n  algorithm: direct\n- ranks: 2\n  algorithm: owner\n");
    assertThat(run.err()).contains("halving-doubling ", "written: " + file);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void shouldNotLetOneDisturbedPassDecide() {
    CliRun run = CliRun.of("bench", "allreduce", "-n", "5", "-e=1m", "--tune");
    assertThat(run.err()).contains("pass 1 of 3", "pass 3 of 3", "tree ");
    assertThat(run.out()).contains("algorithm: owner").doesNotContain("tree");
  }

  @Test
  void shouldWriteNoRowsWhereMeasuringFailed() {
    CliRun dead = CliRun.of("bench", "allreduce", "-n", "3", "--tune");
    assertThat(dead.code()).isEqualTo(ExitCode.FAILED);
    assertThat(dead.out()).isEmpty();
    CliRun wrong = CliRun.of("bench", "allreduce", "-n", "4", "-e", "32k", "--tune");
    assertThat(wrong.code()).isEqualTo(ExitCode.FAILED);
    assertThat(wrong.out()).isEmpty();
    CliRun unlike = CliRun.of("bench", "allreduce", "-n", "2", "--tune", "--json");
    assertThat(unlike.code()).isEqualTo(ExitCode.USAGE);
    assertThat(unlike.err()).contains("--tune: goes with --transport ipc");
  }

  @Test
  void shouldPrintAnArrayForPrograms() throws Exception {
    CliRun run = CliRun.of("bench", "allreduce", "--ranks=1", "-e=64k", "--json");
    JsonNode json = new ObjectMapper().readTree(run.out());
    assertThat(json).hasSize(3);
    assertThat(json.get(2))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    "{\"bytes\":65536,\"count\":16384,\"dtype\":\"float32\",\"op\":\"sum\","
                        + "\"timeUs\":1000.0,\"algbwGBs\":1.5,\"busbwGBs\":1.5,\"wrong\":0}"));
    assertThat(run.err()).contains("measured 64k");
  }

  @Test
  void shouldFailWithWhatTheRunnerSaysAndPrintNoHalfArray() {
    CliRun run = CliRun.of("bench", "allreduce", "--ranks", "3", "--json");
    assertThat(run.code()).isEqualTo(ExitCode.FAILED);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("rank 2 was killed by signal 9");
  }

  @Test
  void shouldFailWhereElementsAreWrong() {
    CliRun run = CliRun.of("bench", "allreduce", "--ranks", "4", "-e", "4k");
    assertThat(run.code()).isEqualTo(ExitCode.FAILED);
    assertThat(run.err()).contains("2 elements are wrong");
  }

  @Test
  void shouldReportATrialInOrderOfRank() throws Exception {
    CliRun run = CliRun.of("bench", "allreduce", "--ranks", "2", "--idle", "10s");
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    String[] lines = run.out().split("\\R");
    assertThat(lines[1].trim().split(" +"))
        .containsExactly("0", "10.0", "1.00", "10.0", "5", "60.0", "61.0", "0");
    assertThat(lines[2].trim()).startsWith("1 ");
    CliRun json = CliRun.of("bench", "allreduce", "--ranks", "2", "--soak", "1m", "--json");
    JsonNode first = new ObjectMapper().readTree(json.out()).get(0);
    assertThat(first.get("seconds").asDouble()).isEqualTo(60);
    assertThat(CliRun.of("bench", "allreduce", "--ranks", "4", "--soak", "1h").code())
        .isEqualTo(ExitCode.FAILED);
  }

  @Test
  void shouldMeasureOverNcclInTheSameColumnsAndRefuseWhatIsForAeronAlone() throws Exception {
    CliRun run = CliRun.of("bench", "allreduce", "-n", "2", "--backend", "nccl", "-e", "64k");
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    assertThat(run.out()).contains("algbw", " float32 ");
    assertThat(run.err()).startsWith("2 ranks over nccl, each with a CUDA device, float32 sums");
    CliRun json = CliRun.of("bench", "allreduce", "-n", "2", "--backend=nccl", "-e=4k", "--json");
    assertThat(new ObjectMapper().readTree(json.out()).get(0).get("bytes").asLong())
        .isEqualTo(4096);
    for (String other : new String[] {"--transport=udp", "--algorithm=ring", "--idle=1s"}) {
      CliRun refused = CliRun.of("bench", "allreduce", "-n", "2", "--backend", "nccl", other);
      assertThat(refused.code()).isEqualTo(ExitCode.USAGE);
      assertThat(refused.err()).contains("--backend: nccl does not go with");
    }
    assertThat(CliRun.of("bench", "allreduce", "-n", "2", "--backend", "ncl").err())
        .contains("did you mean 'nccl'?");
  }
}
