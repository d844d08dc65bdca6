package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import dev.trireme.api.job.JobSpec;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

class SpecRoundTripProperties {
  private static final JsonSchema SCHEMA = JobSchemaTest.validator();

  @Property(tries = 300)
  void whatIsWrittenReadsBackAsEqualRecords(@ForAll long seed) {
    JobSpec job = RandomJobs.job(seed);
    String yaml = JobReader.toYaml(job);
    ResolvedJob again = JobReader.read("resolved", yaml, List.of());
    assertThat(again.spec()).isEqualTo(job);
    assertThat(again.yaml()).isEqualTo(yaml);
  }

  @Property(tries = 100)
  void theSchemaTakesWhatTheReaderTakes(@ForAll long seed) {
    LoadSettings settings = LoadSettings.builder().setSchema(new CoreSchema()).build();
    Object plain = new Load(settings).loadFromString(JobReader.toYaml(RandomJobs.job(seed)));
    JsonNode document = new ObjectMapper().valueToTree(plain);
    assertThat(SCHEMA.validate(document)).isEmpty();
  }
}
