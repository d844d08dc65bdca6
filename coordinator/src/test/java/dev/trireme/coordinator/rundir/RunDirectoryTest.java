package dev.trireme.coordinator.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.WireBytes;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobResult;
import dev.trireme.coordinator.Verdict;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunDirectoryTest {
  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.678Z");
  private static final String BEGIN = "{\"time\":\"2026-01-02T03:04:05.678Z\",";

  @TempDir Path parent;

  @Test
  void shouldWriteEachFileAsItsEventsHappen() throws IOException {
    Path run = parent.resolve("a/run");
    try (RunDirectory directory = RunDirectory.open(run, "name: größer\n")) {
      assertThat(run.resolve("job.yaml")).hasContent("name: größer");
      directory.write(progress(1, 2.5, Double.NaN));
      assertThat(run.resolve("metrics.jsonl"))
          .hasContent(
              BEGIN
                  + "\"generation\":1,\"step\":1,\"epoch\":2,\"position\":300,\"samples\":100,"
                  + "\"loss\":2.5,\"samplesPerSecond\":null,\"lr\":0.1,\"nativeBytes\":7,"
                  + "\"wireBytes\":10,\"wireRatio\":0.25,\"failedCheckpoints\":0}");
      directory.write(progress(2, Double.POSITIVE_INFINITY, 50));
      assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSize(2);
      assertThat(run.resolve("result.json")).doesNotExist();
    }
  }

  @Test
  void shouldHoldNoFileOpenWhileItsJobWaits() throws IOException {
    try (RunDirectory directory = RunDirectory.open(parent.resolve("run"), "")) {
      directory.write(new JobEvent.StateChanged("job-1", NOW, JobState.QUEUED, "accepted"));
      assertThat(openUnder(parent)).isZero();

      directory.write(new JobEvent.StateChanged("job-1", NOW, JobState.STARTING, "2 slots"));
      directory.write(progress(1, 2.5, 50));
      directory.write(new JobEvent.StateChanged("job-1", NOW, JobState.QUEUED, "preempted"));
      assertThat(openUnder(parent)).isZero();
    }
    assertThat(Files.readAllLines(parent.resolve("run/events.jsonl"))).hasSize(3);
    assertThat(Files.readAllLines(parent.resolve("run/metrics.jsonl"))).hasSize(1);
  }

  /** Files of a directory that this process has open. */
  private static long openUnder(Path directory) throws IOException {
    Path descriptors = Path.of("/proc/self/fd");
    assumeThat(descriptors).exists();
    try (Stream<Path> all = Files.list(descriptors)) {
      return all.filter(fd -> target(fd).startsWith(directory)).count();
    }
  }

  private static Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return link; // It was closed meanwhile.
    }
  }

  @Test
  void shouldWriteEveryKindOfEvent() throws IOException {
    try (RunDirectory directory = RunDirectory.open(parent, "")) {
      directory.write(new JobEvent.StateChanged("job-1", NOW, JobState.QUEUED, "say \"why\""));
      directory.write(
          new JobEvent.Formed(
              "job-1", NOW, 3, List.of(new JobEvent.RankProcess(0, "a", "host-a", 4711))));
      directory.write(
          new JobEvent.RankReady(
              "job-1", NOW, 3, 0, new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000)));
      directory.write(
          new JobEvent.BucketsTuned(
              "job-1", NOW, 3, new RankReport.BucketsTuned(65_536, 1 << 20, "name: tuned\n")));
      assertThat(parent.resolve("job.yaml")).hasContent("name: tuned");
      directory.write(
          new JobEvent.EpochEnded(
              "job-1", NOW, 3, new RankReport.EpochEnded(0, 10, 0.5, Double.NaN, 0.9, 1.5), 2));
      directory.write(
          new JobEvent.CheckpointFinished(
              "job-1",
              NOW,
              3,
              new RankReport.CheckpointFinished(10, "/c", 0.1, 0.2, 300, "disk full")));
      directory.write(
          new JobEvent.Failure(
              "job-1",
              NOW,
              new Verdict(1, "host-a", 4712, "killed", 3, 10, List.of("last line"), false)));
    }

    assertThat(Files.readAllLines(parent.resolve("events.jsonl")))
        .containsExactly(
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"state\",\"state\":\"QUEUED\","
                + "\"reason\":\"say \\\"why\\\"\"}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"generation\",\"generation\":3,\"worldSize\":1,"
                + "\"device\":\"cpu\",\"backend\":\"aeron\",\"backingReason\":\"the CPU, over Aeron\","
                + "\"ranks\":[{\"rank\":0,\"agent\":\"a\",\"host\":\"host-a\",\"pid\":4711}]}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"rank-ready\",\"generation\":3,\"rank\":0,\"step\":0,"
                + "\"restoredFrom\":\"\",\"totalSteps\":20,\"stepsPerEpoch\":10,\"epochs\":2,"
                + "\"parameters\":1000}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"buckets\",\"generation\":3,"
                + "\"firstBucketSize\":65536,\"bucketSize\":1048576}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"epoch\",\"generation\":3,\"epoch\":0,\"step\":10,"
                + "\"trainLoss\":0.5,\"evalLoss\":null,\"evalAccuracy\":0.9,\"seconds\":1.5}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"checkpoint\",\"generation\":3,\"step\":10,"
                + "\"committed\":false,\"reason\":\"disk full\",\"path\":\"/c\","
                + "\"stallSeconds\":0.1,\"writeSeconds\":0.2,\"bytes\":300}",
            BEGIN
                + "\"job\":\"job-1\",\"type\":\"failure\",\"generation\":3,"
                + "\"reason\":\"rank 1 on host host-a (pid 4712): killed; generation 3, last"
                + " committed step 10\",\"rank\":1,\"host\":\"host-a\",\"pid\":4712,"
                + "\"cause\":\"killed\",\"lastCommittedStep\":10,\"usage\":false,"
                + "\"lastLines\":[\"last line\"]}");
  }

  @Test
  void shouldLeaveTheResultOfTheContract() throws IOException {
    try (RunDirectory directory = RunDirectory.open(parent, "")) {
      directory.write(ended("ab", 1234.5));
    }

    assertThat(parent.resolve("result.json"))
        .hasContent(
            """
            {
              "job" : "job-1",
              "name" : "small",
              "state" : "SUCCEEDED",
              "reason" : "finished",
              "usage" : false,
              "steps" : 20,
              "epochs" : 2,
              "worldSize" : 2,
              "generations" : 1,
              "samplesPerSecond" : 1234.5,
              "wireBytes" : 10,
              "wireRatio" : 0.25,
              "metrics" : {
                "accuracy" : null,
                "loss" : 0.25
              },
              "stateHash" : "ab",
              "wallSeconds" : 3.5
            }
            """);
    assertThat(parent).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void shouldWriteNullForWhatIsNotKnown() throws IOException {
    try (RunDirectory directory = RunDirectory.open(parent, "")) {
      directory.write(ended("", Double.NaN));
    }

    assertThat(parent.resolve("result.json"))
        .content()
        .contains("\"samplesPerSecond\" : null", "\"stateHash\" : null");
  }

  @Test
  void shouldAppendToAnEarlierRunAndTakeItsResultAway() throws IOException {
    try (RunDirectory directory = RunDirectory.open(parent, "a")) {
      directory.write(progress(1, 1, 1));
      directory.write(ended("ab", 1));
    }
    try (RunDirectory directory = RunDirectory.open(parent, "b")) {
      assertThat(parent.resolve("result.json")).doesNotExist();
      directory.write(progress(2, 1, 1));
    }

    assertThat(Files.readAllLines(parent.resolve("metrics.jsonl"))).hasSize(2);
    assertThat(parent.resolve("job.yaml")).hasContent("b");
  }

  @Test
  void shouldRefuseADirectoryThatIsAFile() throws IOException {
    Path file = Files.writeString(parent.resolve("file"), "");

    assertThatThrownBy(() -> RunDirectory.open(file, ""))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("cannot write the run directory " + file);
  }

  /** Opening it would wait until somebody reads. */
  @ParameterizedTest
  @ValueSource(strings = {"events.jsonl", "metrics.jsonl"})
  @Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
  void shouldRefuseAPipeInThePlaceOfAFile(String name) throws Exception {
    pipe(parent.resolve(name));

    assertThatThrownBy(() -> RunDirectory.open(parent, ""))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining(
            parent.resolve(name) + ": expected a regular file or none, found a pipe");
  }

  private static void pipe(Path file) throws Exception {
    assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"events.jsonl", "metrics.jsonl"})
  void shouldRefuseALinkInThePlaceOfAFile(String name) throws IOException {
    Path run = Files.createDirectory(parent.resolve("run"));
    Path elsewhere = Files.writeString(parent.resolve("elsewhere"), "not whole");
    Files.createSymbolicLink(run.resolve(name), elsewhere);

    assertThatThrownBy(() -> RunDirectory.open(run, ""))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("expected a regular file or none, found a symbolic link");
    assertThat(elsewhere).hasContent("not whole");
  }

  /** What became a pipe while its job waited, when no file was open. */
  @Test
  @Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
  void shouldRefuseToWriteIntoAPipeOrALink() throws Exception {
    Path run = parent.resolve("run");
    Path elsewhere = Files.writeString(parent.resolve("elsewhere"), "");
    try (RunDirectory directory = RunDirectory.open(run, "")) {
      directory.write(state("accepted"));
      Files.delete(run.resolve("events.jsonl"));
      pipe(run.resolve("events.jsonl"));
      assertThatThrownBy(() -> directory.write(state("waits")))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("expected a regular file");

      Files.createSymbolicLink(run.resolve("samples.jsonl"), elsewhere);
      assertThatThrownBy(() -> directory.write(trained())).isInstanceOf(UncheckedIOException.class);
      assertThat(elsewhere).isEmptyFile();
      Files.delete(run.resolve("samples.jsonl"));
      pipe(run.resolve("samples.jsonl"));
      assertThatThrownBy(() -> directory.write(trained())).isInstanceOf(UncheckedIOException.class);
    }
  }

  @Test
  void shouldPutNothingIntoWhatALinkNamesWhenItReplacesAFile() throws IOException {
    Path run = Files.createDirectory(parent.resolve("run"));
    Path elsewhere = Files.writeString(parent.resolve("elsewhere"), "mine");
    for (String name : List.of("job.yaml", ".job.yaml.tmp", "result.json", ".result.json.tmp")) {
      Files.createSymbolicLink(run.resolve(name), elsewhere);
    }
    try (RunDirectory directory = RunDirectory.open(run, "name: small\n")) {
      directory.write(ended("ab", 1));
    }
    assertThat(elsewhere).hasContent("mine");
    assertThat(run.resolve("job.yaml")).hasContent("name: small");
    for (String name : List.of("job.yaml", "result.json")) {
      assertThat(Files.isRegularFile(run.resolve(name), LinkOption.NOFOLLOW_LINKS)).isTrue();
    }
  }

  @Test
  void shouldLeaveOutLinesOfSamplesThatAreNone() throws IOException {
    Path samples = parent.resolve("samples.jsonl");
    Files.writeString(samples, "{\"generation\":\"x\",\"lastStep\":1e99}\n");
    try (RunDirectory directory = RunDirectory.open(parent, "")) {
      directory.write(trained());
    }
    assertThat(Files.readAllLines(samples)).hasSize(2).last().asString().contains("\"items\":1000");
  }

  private static JobEvent state(String reason) {
    return new JobEvent.StateChanged("job-1", NOW, JobState.QUEUED, reason);
  }

  private static JobEvent trained() {
    SampleRange range = new SampleRange(1, 1, 2, new Cursor(0, 0), 100, 200);
    return new JobEvent.SamplesTrained("job-1", NOW, new RankReport.Samples(1000, List.of(range)));
  }

  private static JobEvent progress(long step, double loss, double rate) {
    return new JobEvent.Progress(
        "job-1",
        NOW,
        1,
        new RankReport.Committed(step, new Cursor(2, 300), 100, loss, 0.1, rate, 7, 10, 40),
        20,
        10,
        2,
        Double.NaN,
        0);
  }

  private static JobEvent ended(String hash, double rate) {
    return new JobEvent.Ended(
        "job-1",
        NOW,
        new JobResult(
            "job-1",
            "small",
            JobState.SUCCEEDED,
            "finished",
            false,
            20,
            2,
            2,
            1,
            rate,
            new WireBytes(10, 40),
            Map.of("loss", 0.25, "accuracy", Double.NaN),
            hash,
            3.5));
  }
}
