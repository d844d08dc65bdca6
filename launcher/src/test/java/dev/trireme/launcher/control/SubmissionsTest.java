package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.ResolvedJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SubmissionsTest {
  private static final String SPEC =
      """
      name: small
      model: {layers: [flatten, {linear: 10}]}
      data: {train: {format: strokes, items: 100, seed: 1}, batchSize: 10}
      train: {epochs: 1, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
      """;

  @TempDir Path directory;

  private static ResolvedJob job(String checkpoint) {
    return JobReader.read("job", SPEC + checkpoint, List.of());
  }

  @Test
  void shouldTellWhichGenerationsHaveWrittenWhereTheJobDoes() throws Exception {
    Files.createDirectory(directory.resolve(".tmp-g7-step-00000010"));
    Path run = directory.resolve("run");
    ResolvedJob continuing =
        job("checkpoint: {everySteps: 5, path: " + directory + ", resumeFrom: " + directory + "}");

    assertThat(Submissions.of(continuing, run, "me").generationsBefore()).isEqualTo(7);
    assertThat(Submissions.of(continuing, run, "me").user()).isEqualTo("me");
    assertThat(Submissions.ofThisMachine(continuing, run).generationsBefore()).isEqualTo(7);
    assertThat(Submissions.of(job(""), run, "").generationsBefore()).isZero();
    assertThat(Submissions.ofThisMachine(job(""), run).generationsBefore()).isZero();
  }

  @Test
  void shouldLeaveToTheRanksWhatItCannotSee() {
    String there =
        "checkpoint: {everySteps: 5, path: 's3://bucket/a', resumeFrom: 's3://bucket/a',"
            + " s3: {endpoint: 'http://127.0.0.1:1', pathStyle: true}}";
    Path run = directory.resolve("run");
    assertThat(Submissions.of(job(there), run, "").generationsBefore()).isZero();
    assertThat(Submissions.ofThisMachine(job(there), run).generationsBefore()).isZero();
  }
}
