package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

class JobSchemaTest {
  static JsonSchema validator() {
    return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
        .getSchema(JobSchema.schema());
  }

  private static Set<ValidationMessage> faults(String yaml) {
    Object plain =
        new Load(LoadSettings.builder().setSchema(new CoreSchema()).build()).loadFromString(yaml);
    JsonNode document = new ObjectMapper().valueToTree(plain);
    return validator().validate(document);
  }

  @Test
  void shouldBeTheSameAsTheCommittedFile() throws IOException {
    assertThat(Files.readString(Configs.directory().resolve("job.schema.json")))
        .as("regenerate it with: ./trireme schema > configs/job.schema.json")
        .isEqualTo(JobSchema.text());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "relu",
        "relu:",
        "relu: {}",
        "dropout",
        "dropout: 0.5",
        "dropout: {p: 0.5}",
        "linear: 10",
        "linear: {out: 10, bias: false}",
        "maxpool2d: 2",
        "maxpool2d: {kernel: 2, stride: null}",
        "reshape: [1, -1]",
        "reshape: {shape: [4]}",
        "residual: [relu, linear: 10]",
        "residual: {layers: [{residual: [tanh]}]}"
      })
  void shouldTakeEveryFormOfALayer(String layer) {
    String yaml = JobReaderTest.SMALL.replace("- linear: 10", "- " + layer);
    assertThat(faults(yaml)).isEmpty();
    assertThat(JobReader.read("job.yaml", yaml, List.of()).spec()).isNotNull();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "epochs: 1 | epochz: 1",
        "epochs: 1 | epochs: one",
        "epochs: 1 | epochs: 0",
        "name: small | name: 5",
        "linear: 10 | linaer: 10",
        "linear: 10 | linear",
        "linear: 10 | linear: {}",
        "linear: 10 | {linear: 10, relu: null}",
        "flatten | conv2d: 3",
        "format: strokes | format: strike",
        "items: 100 | items: 100, images: x",
        "batchSize: 10 | prefetch: 2",
        "{sgd: {lr: 0.1}} | sgd",
        "{sgd: {lr: 0.1}} | {sgd: {lr: 0}}",
        "cross-entropy | CROSS_ENTROPY"
      })
  void shouldRefuseWhatTheReaderRefuses(String from, String to) {
    String yaml = JobReaderTest.SMALL.replace(from, to);
    assertThat(yaml).isNotEqualTo(JobReaderTest.SMALL);
    assertThat(faults(yaml)).isNotEmpty();
    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> JobReader.read("job.yaml", yaml, List.of()));
  }
}
