package dev.trireme.launcher.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.launcher.config.ConfigProblem;
import dev.trireme.launcher.config.Place;
import dev.trireme.launcher.config.ValidatedJob;
import java.util.List;

/** The same as {@link JobSummary} and {@link ProblemPrinter}, for programs. */
final class JobJson {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private JobJson() {}

  /**
   * An array with an object for each problem: {@code place} as a person reads it; {@code file},
   * {@code line} and {@code column} or {@code override}; {@code key}, {@code message}, and {@code
   * nearest} where a name is suggested.
   */
  static String problems(List<ConfigProblem> problems) {
    ArrayNode array = NODES.arrayNode();
    for (ConfigProblem problem : problems) {
      ObjectNode object = array.addObject().put("place", problem.place().toString());
      if (problem.place() instanceof Place.InFile file) {
        object.put("file", file.file()).put("line", file.line()).put("column", file.column());
      } else if (problem.place() instanceof Place.InOverride override) {
        object.put("override", override.text());
      }
      object.put("key", problem.key()).put("message", problem.message());
      problem.nearest().ifPresent(name -> object.put("nearest", name));
    }
    return text(array);
  }

  /** What a valid job would do. */
  static String describe(ValidatedJob job) {
    ObjectNode object = NODES.objectNode().put("job", job.resolved().spec().name());
    object.put("stepsPerEpoch", job.stepsPerEpoch()).put("totalSteps", job.totalSteps());
    object.put("workers", job.resolved().spec().parallel().workers().toString());
    object.set("training", set(job.data().training()));
    job.data().evaluation().ifPresent(info -> object.set("evaluation", set(info)));
    job.model()
        .ifPresent(
            model -> {
              object.put("parameters", model.parameters());
              ArrayNode layers = object.putArray("layers");
              model
                  .layers()
                  .forEach(
                      row ->
                          layers
                              .addObject()
                              .put("layer", row.name())
                              .put("output", row.output().toString())
                              .put("parameters", row.parameters()));
            });
    ArrayNode warnings = object.putArray("warnings");
    job.warnings().forEach(warnings::add);
    return text(object);
  }

  private static ObjectNode set(DatasetInfo info) {
    return NODES
        .objectNode()
        .put("items", info.items())
        .put("itemShape", info.itemShape().toString())
        .put("classes", info.classes());
  }

  private static String text(JsonNode node) {
    try {
      return JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of JSON nodes cannot be written", e);
    }
  }
}
