package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.job.SpecException;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.Lineage;
import dev.trireme.checkpoint.Selection;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which checkpoints a command is about, and how it ends where there are none. */
final class PlaceArguments {
  @Parameters(
      paramLabel = "DIR",
      description = "A directory of checkpoints, or one step-* in it; or s3://bucket/prefix.")
  private String place;

  @Option(
      names = "--s3-endpoint",
      paramLabel = "URL",
      description = "Of an object store that is not Amazon's, as http://host:9000.")
  private String endpoint;

  @Option(
      names = "--s3-region",
      paramLabel = "REGION",
      description = "As eu-central-1; as the AWS SDK finds it when absent.")
  private String region;

  @Option(
      names = "--s3-path-style",
      description = "The bucket stands in the path and not in the host's name.")
  private boolean pathStyle;

  @Option(names = "--json", description = "Prints JSON.")
  private boolean json;

  /** What a command does with a place. */
  @FunctionalInterface
  interface Action {
    /** Returns the exit code. */
    int run(CheckpointPlace place, CheckpointReader reader) throws IOException;
  }

  boolean json() {
    return json;
  }

  int with(Console console, Action action) {
    try (CheckpointPlace opened = CheckpointPlace.existing(place, s3())) {
      return action.run(opened, new CheckpointReader(opened.storage()));
    } catch (CheckpointException | SpecException | IOException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    }
  }

  private S3Spec s3() {
    return new S3Spec(Optional.ofNullable(endpoint), Optional.ofNullable(region), pathStyle);
  }

  /** The names of the checkpoints that are meant, oldest first. */
  static List<String> names(CheckpointPlace place) throws IOException {
    return place.one().isPresent()
        ? List.of(place.one().get())
        : place.storage().contents().checkpoints().stream().sorted().toList();
  }

  /**
   * The one checkpoint that is meant: the newest that is not damaged as far as a glance shows.
   *
   * @throws CheckpointException when there is none
   */
  static String newest(CheckpointPlace place, CheckpointReader reader) throws IOException {
    if (place.one().isPresent()) {
      return place.one().get();
    }
    Selection selection = reader.select(Lineage.UNKNOWN);
    return selection.candidates().stream()
        .findFirst()
        .map(Selection.Candidate::name)
        .orElseThrow(
            () ->
                new CheckpointException(
                    "there is no whole checkpoint in "
                        + place.name()
                        + selection.skipped().stream()
                            .map(s -> System.lineSeparator() + "  skipped " + s)
                            .reduce("", String::concat)));
  }

  static String text(JsonNode node) {
    try {
      return JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of JSON nodes cannot be written", e);
    }
  }
}
