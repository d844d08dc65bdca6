package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import dev.trireme.api.job.JobSpec;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

class SpecRoundTripProperties {
  private static final JsonSchema SCHEMA = JobSchemaTest.validator();

  @Provide
  Arbitrary<JobSpec> jobs() {
    return SpecArbitraries.jobs();
  }

  @Property(tries = 150, edgeCases = EdgeCasesMode.NONE)
  void whatIsWrittenReadsBackAsEqualRecords(@ForAll("jobs") JobSpec job) {
    String yaml = JobReader.toYaml(job);
    ResolvedJob again = JobReader.read("resolved", yaml, List.of());
    assertThat(again.spec()).isEqualTo(job);
    assertThat(again.yaml()).isEqualTo(yaml);
  }

  @Property(tries = 50, edgeCases = EdgeCasesMode.NONE)
  void theSchemaTakesWhatTheReaderTakes(@ForAll("jobs") JobSpec job) {
    Object plain =
        new Load(LoadSettings.builder().setSchema(new CoreSchema()).build())
            .loadFromString(JobReader.toYaml(job));
    JsonNode document = new ObjectMapper().valueToTree(plain);
    assertThat(SCHEMA.validate(document)).isEmpty();
  }
}
