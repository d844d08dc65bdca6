package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.Lineage;
import dev.trireme.checkpoint.Selection;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.Table;
import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code trireme checkpoint list}. */
@Command(
    name = "list",
    header = "Lists checkpoints and what is known of them at a glance.",
    description = {"Reads manifests and looks at the sizes of files; 'verify' reads every byte."})
final class ListCommand implements Callable<Integer> {
  @Mixin private PlaceArguments arguments;

  private final Console console;

  ListCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    return arguments.with(console, this::run);
  }

  /** What a glance shows of a place. */
  private static final class Glances {
    private final Map<String, Manifest> manifests = new LinkedHashMap<>();
    private final Map<String, String> states = new HashMap<>();

    /** One that cannot be read now does not hide the others from a person. */
    static Glances of(CheckpointPlace place, CheckpointReader reader) throws IOException {
      Glances glances = new Glances();
      List<Selection.Candidate> readable = new ArrayList<>();
      for (String name : PlaceArguments.names(place)) {
        try {
          Manifest manifest = reader.glance(name);
          glances.manifests.put(name, manifest);
          readable.add(new Selection.Candidate(name, manifest));
        } catch (DamagedException e) {
          glances.states.put(name, "damaged: " + e.getMessage());
        } catch (IOException e) {
          glances.states.put(name, "cannot be read now: " + e.getMessage());
        }
      }
      if (place.one().isEmpty()) {
        List<WriteId> staged = place.storage().contents().staged();
        Selection.of(readable, List.of(), staged, Lineage.UNKNOWN)
            .skipped()
            .forEach(one -> glances.states.put(one.name(), one.reason()));
      }
      return glances;
    }
  }

  private int run(CheckpointPlace place, CheckpointReader reader) throws IOException {
    List<String> names = PlaceArguments.names(place);
    Glances glances = Glances.of(place, reader);
    if (names.isEmpty() && glances.states.isEmpty()) {
      throw PlaceArguments.none(place, "checkpoint");
    }
    Table table =
        new Table("lrrlrrl")
            .row("checkpoint", "step", "generation", "written", "ranks", "bytes", "state");
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    TreeSet<String> others = new TreeSet<>(glances.states.keySet());
    others.removeAll(names);
    for (String name : Stream.concat(names.stream(), others.stream()).toList()) {
      String state = glances.states.getOrDefault(name, "whole");
      ObjectNode object = array.addObject().put("name", name);
      Manifest manifest = glances.manifests.get(name);
      if (manifest == null) {
        table.row(name, "", "", "", "", "", state);
      } else {
        table.row(
            name,
            String.valueOf(manifest.step()),
            String.valueOf(manifest.generation()),
            manifest.writtenAt().truncatedTo(ChronoUnit.SECONDS).toString(),
            String.valueOf(manifest.worldSize()),
            String.valueOf(manifest.shardBytes()),
            state);
        object
            .put("step", manifest.step())
            .put("generation", manifest.generation())
            .put("writtenAt", manifest.writtenAt().toString())
            .put("worldSize", manifest.worldSize())
            .put("bytes", manifest.shardBytes());
      }
      object.put("state", state);
    }
    console.out().println(arguments.json() ? PlaceArguments.text(array) : table);
    return ExitCode.DONE;
  }
}
