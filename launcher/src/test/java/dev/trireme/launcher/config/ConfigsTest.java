package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.data.Datasets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** The job files that users start from. */
class ConfigsTest {
  static Stream<Path> jobs() throws IOException {
    try (Stream<Path> files = Files.walk(Configs.directory())) {
      return files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("jobs")
  void shouldBeReadAndTakenByTheSchemaTheyName(Path job) throws IOException {
    assertThat(JobReader.read(job, List.of()).spec().name()).isNotEmpty();

    String text = Files.readString(job);
    String schema =
        text.lines().findFirst().orElse("").replace("# yaml-language-server: $schema=", "");
    assertThat(job.resolveSibling(schema)).isRegularFile();
    Object plain =
        new Load(LoadSettings.builder().setSchema(new CoreSchema()).build()).loadFromString(text);
    assertThat(JobSchemaTest.validator().validate(new ObjectMapper().valueToTree(plain))).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("jobs")
  void shouldFitTheirData(Path job) {
    assumeTrue(Configs.data().isPresent(), "needs the data sets; set TRIREME_DATA");
    JobValidation validation =
        new JobValidation(
            Capabilities.ofThisVersion(),
            spec -> {
              Datasets.Inspection found = Datasets.inspect(spec);
              return new DataInspector.Sets(found.training(), found.evaluation());
            },
            64);
    boolean ratings = job.getFileName().toString().startsWith("movielens");
    String set = ratings ? "movielens-latest-small" : "mnist";
    String path = "data.path=" + Configs.data().orElseThrow().resolve(set);
    ValidatedJob valid = validation.check(JobReader.read(job, List.of(path)));
    assertThat(valid.warnings()).isEmpty();
    assertThat(valid.data().evaluation()).isPresent();
  }
}
