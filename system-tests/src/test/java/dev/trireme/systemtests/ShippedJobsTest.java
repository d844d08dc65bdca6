package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.api.testing.RealData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jobs that come with the repository do what their comments say. */
@Tag("long")
class ShippedJobsTest {
  @TempDir Path directory;

  @Test
  void shouldTrainWithAModelAndALoopOfOnesOwn() throws Exception {
    String jar = TriremeRun.home().resolve("examples/target/trireme-examples.jar").toString();
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TriremeRun.home().resolve("examples/until-good-enough.yaml").toString(),
            "--set",
            "model.jar=" + jar,
            "--set",
            "program.jar=" + jar)) {
      JsonNode result = run.succeeded();
      assertThat(result.path("metrics").path("accuracy").asDouble()).isGreaterThanOrEqualTo(0.6);
      assertThat(result.path("steps").asLong()).as("ended as soon as that").isLessThan(2000);
    }
  }

  @Test
  @Timeout(1200)
  void shouldReadHandwrittenDigitsWithinTwoEpochs() throws Exception {
    Path mnist = RealData.directory("mnist");
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TriremeRun.home().resolve("configs/mnist-cnn.yaml").toString(),
            "--set",
            "data.path=" + mnist.toAbsolutePath())) {
      assertThat(run.exitCode(Duration.ofMinutes(15))).as(run.stderr()).isZero();
      assertThat(run.result().path("epochs").asInt()).isEqualTo(2);
      assertThat(run.result().path("metrics").path("accuracy").asDouble())
          .isGreaterThanOrEqualTo(0.985);
      assertThat(Files.readString(run.runDirectory().resolve("job.yaml"))).contains("mnist-cnn");
    }
  }
}
